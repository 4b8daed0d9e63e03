"""The trail is streamed to other systems completely and in order, also after an outage."""

import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actions.audit.models import AuditStream
from actions.audit.siem import stream
from actions.audit.siem.syslog import MAX_BYTES, message
from actions.audit.siem.targets import parse_target
from actions.audit.siem.webhook import signature
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.ports import free_port
from tests.processes.installation import short_folder

pytestmark = pytest.mark.django_db

SECRET = "a secret for the webhook"


ROOT = Path(__file__).resolve().parents[2]


def write(operator: Any, count: int) -> None:
    for number in range(count):
        trail.record(
            operator,
            Verb.DEVICES_EXPORTED,
            subject_kind="test",
            subject=f"a\n<1>b {number}",
            detail="explained",
        )


@contextmanager
def rsyslog(folder: Path, port: int) -> Iterator[Path]:
    """Run a real rsyslog with its own configuration; yield the file that it writes."""
    unpacked = ROOT / ".venv" / "parts" / "usr"  # By .ci/system_parts.
    program = shutil.which(unpacked / "sbin" / "rsyslogd") or shutil.which("rsyslogd")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("No rsyslog in CI: its tests must run there.")
        pytest.skip("no rsyslog on this machine")
    output, config = folder / "received", folder / "rsyslog.conf"
    config.write_text(
        f"""global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imtcp")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="line" type="string" string="%pri% %app-name% %msgid% %structured-data% %msg%\\n")
action(type="omfile" file="{output}" template="line")
"""
    )
    command = [program, "-n", "-f", str(config), "-i", str(folder / "pid"), "-C"]
    env = dict(os.environ)
    for modules in unpacked.glob("lib/*/rsyslog"):
        command += ["-M", str(modules)]
        env["LD_LIBRARY_PATH"] = str(modules.parent)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(port))
        yield output
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_for(happened: Any, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def received(output: Path) -> list[int]:
    lines = output.read_text().splitlines() if output.exists() else []
    return [json.loads(line[line.index("{") :])["id"] for line in lines]


def test_rsyslog_gets_every_line_once_and_in_order_also_after_an_outage(operator, settings):
    port = free_port()
    settings.AUDIT_STREAM_TO = [f"syslog+tcp://127.0.0.1:{port}"]
    write(operator, 5)
    with short_folder() as folder:
        assert stream.send_pending() == 0
        assert "did not accept the batch" in AuditStream.objects.get().last_error
        with rsyslog(folder, port) as output:
            assert stream.send_pending() == 5
            write(operator, stream.BATCH + 3)
            assert stream.send_pending() == stream.BATCH + 3
            assert stream.send_pending() == 0
            wait_for(lambda: len(received(output)) == stream.BATCH + 8)
            first = output.read_text().splitlines()[0]
        write(operator, 2)
        assert stream.send_pending() == 0
        with rsyslog(folder, port) as output:
            assert stream.send_pending() == 2
            wait_for(lambda: len(received(output)) == stream.BATCH + 10)
        assert received(output) == list(range(1, stream.BATCH + 11))
    mac = AuditEvent.objects.get(pk=1).signature
    assert first.startswith(
        f'109 device-action-console devices.exported [trail@32473 id="1" mac="{mac}"] {{'
    )


def certificate(folder: Path) -> Path:
    """Create a key and a self-signed certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_lines_go_by_tls_only_to_a_receiver_with_a_trusted_certificate(
    operator, settings, tmp_path
):
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    got: list[bytes] = []

    class Receiver(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as secret:
                while data := secret.recv(65536):
                    got.append(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        settings.AUDIT_STREAM_TO = [f"syslog+tls://localhost:{port}"]
        write(operator, 3)
        assert stream.send_pending() == 0  # The system does not know that certificate.
        assert got == []
        settings.AUDIT_STREAM_CA = str(path)
        assert stream.send_pending() == 3
        server.shutdown()
    wire = b"".join(got)
    ids = []
    while wire:
        size, _, wire = wire.partition(b" ")
        ids.append(json.loads(wire[wire.index(b"{") : int(size)])["id"])
        wire = wire[int(size) :]
    assert ids == [1, 2, 3]


def test_rsyslog_gets_lines_by_udp(operator, settings):
    port = free_port()
    settings.AUDIT_STREAM_TO = [f"syslog+udp://127.0.0.1:{port}"]
    write(operator, 3)
    with short_folder() as folder, rsyslog(folder, port) as output:
        assert stream.send_pending() == 3
        wait_for(lambda: len(received(output)) == 3)


class Hook(BaseHTTPRequestHandler):
    """A receiver that stores the batches it gets and answers with `answers`."""

    answers: list[int] = []
    got: list[tuple[Any, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.got.append((self.headers, body))
        self.send_response(Hook.answers.pop(0) if Hook.answers else 204)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def hook(settings: Any) -> Iterator[type[Hook]]:
    Hook.answers, Hook.got = [], []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.AUDIT_STREAM_TO = [f"http://127.0.0.1:{server.server_port}/trail?x=1"]
    settings.AUDIT_STREAM_SECRET = SECRET
    yield Hook
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_signed_json_lines(operator, hook):
    write(operator, 3)
    assert stream.send_pending() == 3
    ((headers, body),) = hook.got
    assert [json.loads(line)["id"] for line in body.splitlines()] == [1, 2, 3]
    assert {json.loads(line)["detail"] for line in body.splitlines()} == {"explained"}
    assert headers["X-Signature"] == signature(SECRET, headers["X-Timestamp"], body)


@pytest.mark.parametrize("answer", [302, 401, 500])
def test_lines_that_a_webhook_does_not_acknowledge_are_sent_again_in_order(operator, hook, answer):
    write(operator, 2)
    hook.answers = [answer]
    assert stream.send_pending() == 0
    assert f"answered {answer}" in AuditStream.objects.get().last_error
    write(operator, 1)
    assert stream.send_pending() == 3
    assert [json.loads(line)["id"] for line in hook.got[1][1].splitlines()] == [1, 2, 3]
    assert (AuditStream.objects.get().last_id, AuditStream.objects.get().last_error) == (3, "")


def test_a_message_is_one_line_and_short_for_any_content(operator):
    event = trail.record(
        operator, Verb.DEVICES_EXPORTED, subject_kind="test", subject="x", targets=["d" * 50] * 1000
    )
    line = {"id": 1, "at": event.at.isoformat(), "verb": event.verb, "mac": event.signature}
    long = message({**line, "data": event.data, "reason": 'a\nb\r]" \u2028'})
    assert len(long) < MAX_BYTES
    assert b"\n" not in long
    assert b"left_out" in long


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "syslog+tcp://",
        "syslog://host",
        "https://a b/",
        "syslog+tls://host/#x",
    ],
)
def test_an_invalid_target_is_refused(text):
    with pytest.raises(ValueError, match=r"address|host|http|port"):
        parse_target(text)
