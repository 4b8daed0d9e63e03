"""The steps of docs/rotation.md with real processes: the trail stays provable."""

import hashlib
import hmac
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.postgres import client_programs, own_postgres
from tests.processes.backups import run
from tests.processes.conftest import MakeInstallation
from tests.processes.databases import PostgresDatabase
from tests.processes.installation import Installation
from tests.processes.web import Web, headers_of, status_of

DEVICES = ("d1", "d2", "d3")


def new_key() -> str:
    return secrets.token_urlsafe(50)


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    installation = make_installation()
    installation.env["INVENTORY_NEW_MINUTES"] = installation.env["INVENTORY_CHANGES_MINUTES"] = "0"
    for name in DEVICES:
        installation.vendor.add_device(device_id=name)
    return installation


@contextmanager
def web(installation: Installation) -> Iterator[Web]:
    """Run one web process, from start to end."""
    running = Web(installation)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        shutil.rmtree(running.temporary)


def works(installation: Installation, device: str) -> None:
    """Send an action, and verify the trail."""
    installation.submit("unexempt", device)
    run(installation, "dispatch", "--seconds", "5")
    assert installation.statuses()[device] in {"accepted", "confirmed"}
    assert "Unchanged" in run(installation, "audit_verify").stdout


def tokens_fetched(installation: Installation) -> int:
    return [call.api for call in installation.vendor.received].count("token")


def set_by_environment(installation: Installation, phase: str) -> None:
    env = installation.env
    match phase:
        case "before":
            env["SECRET_KEY"] = new_key()
        case "rotated":
            env |= {"SECRET_KEY_FALLBACKS": env["SECRET_KEY"], "SECRET_KEY": new_key()}
        case "after":
            del env["SECRET_KEY_FALLBACKS"]


def set_by_file(installation: Installation, phase: str) -> None:
    former = installation.folder / "secret_key_former"
    match phase:
        case "rotated":
            (installation.folder / "secret_key").rename(former)
            installation.env["SECRET_KEY_FALLBACKS_FILE"] = str(former)
        case "after":
            del installation.env["SECRET_KEY_FALLBACKS_FILE"]
            former.unlink()


@pytest.mark.parametrize("way", [set_by_environment, set_by_file])
def test_h7_secret_key_is_rotated_and_nobody_is_signed_out(
    installation: Installation, way: Any
) -> None:
    way(installation, "before")
    with web(installation) as console:
        cookie = console.sessions()["operator"]
        assert status_of(console.get("/devices/", cookie)) == 200
    works(installation, "d1")

    way(installation, "rotated")
    with web(installation) as console:
        answer = console.get("/devices/", cookie)
        assert status_of(answer) == 200
        works(installation, "d2")
    [key] = re.findall(r"session=(\w+);", headers_of(answer)["set-cookie"])
    assert tokens_fetched(installation) == 1  # The stored token is still read.

    way(installation, "after")
    with web(installation) as console:
        # In step two the browser was given a session that the new key has signed.
        assert status_of(console.get("/devices/", f"session={key}")) == 200
        works(installation, "d3")


def test_h7_after_a_leak_the_former_key_is_worth_nothing(installation: Installation) -> None:
    set_by_environment(installation, "before")
    with web(installation) as console:
        cookie = console.sessions()["operator"]
    works(installation, "d1")

    installation.env["SECRET_KEY"] = new_key()
    refused = installation.manage("dispatch", "--seconds", "0")
    assert "SECRET_KEY differs" in refused.stderr
    run(installation, "audit_accept", "--reason", "SECRET_KEY leaked")

    with web(installation) as console:
        assert status_of(console.get("/devices/", cookie)) == 302  # To the page of sign-in.
        works(installation, "d2")
    assert tokens_fetched(installation) == 2


def test_h7_a_backup_from_before_the_rotation_is_restored(
    installation: Installation, tmp_path: Path
) -> None:
    installation.env["PATH"] = f"{client_programs()}:{installation.env['PATH']}"
    works(installation, "d1")
    run(installation, "backup", str(tmp_path / "backup.tar"))
    set_by_file(installation, "rotated")
    run(installation, "migrate", "--check")
    rotated = (installation.folder / "secret_key").read_text()

    run(installation, "restore", str(tmp_path / "backup.tar"))

    assert (installation.folder / "secret_key").read_text() == rotated
    assert "Unchanged" in run(installation, "audit_verify").stdout


def test_h7_audit_keys_are_rotated_and_a_process_with_the_old_one_first_is_refused(
    installation: Installation,
) -> None:
    works(installation, "d1")
    first, second = f"2026:{new_key()}", f"2027:{new_key()}"

    installation.env["AUDIT_KEYS"] = first
    works(installation, "d2")
    installation.env["AUDIT_KEYS"] = f"{second},{first}"
    works(installation, "d3")

    for wrong in (first, f"{first},{second}", ""):
        installation.env["AUDIT_KEYS"] = wrong
        done = installation.manage("migrate")
        assert done.returncode == 1
        assert "2027" in done.stderr
    installation.env["AUDIT_KEYS"] = f"{second},{first}"
    works(installation, "d1")


@pytest.mark.parametrize("revoked", [False, True])
def test_h7_the_client_secret_is_rotated_and_no_request_is_lost(
    installation: Installation, revoked: bool
) -> None:
    works(installation, "d1")

    installation.env["OPSWAT_CLIENT_SECRET"] = "the-new-secret-of-the-client"
    installation.vendor._account.client_secret = "the-new-secret-of-the-client"
    if revoked:
        installation.vendor._account.expire_tokens()

    works(installation, "d2")
    assert tokens_fetched(installation) == (2 if revoked else 1)
    applied = {device: times for (_, device), times in installation.vendor.applied.items()}
    assert applied == {"d1": 1, "d2": 1}


class _Hook(BaseHTTPRequestHandler):
    """Takes what is signed with one of the server's secrets."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        signed = self.headers["X-Timestamp"].encode() + b"." + content
        good = [
            each
            for each in server.secrets
            if self.headers["X-Signature"]
            == "sha256=" + hmac.new(each.encode(), signed, hashlib.sha256).hexdigest()
        ]
        server.lines += content.count(b"\n") if good else 0
        self.send_response(200 if good else 401)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), _Hook)
    server.lines, server.secrets = 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_h7_the_secret_of_the_stream_is_rotated_and_each_line_arrives_once(
    installation: Installation, hook: Any
) -> None:
    send = "from actions.audit.siem.stream import send_pending; print('sent', send_pending())"
    old, new = new_key(), new_key()
    installation.env |= {
        "AUDIT_STREAM_TO": f"http://127.0.0.1:{hook.server_port}/hook",
        "AUDIT_STREAM_SECRET": old,
    }
    hook.secrets = [old]
    works(installation, "d1")
    run(installation, "shell", "--no-imports", "-c", send)

    hook.secrets = [old, new]
    installation.env["AUDIT_STREAM_SECRET"] = new
    works(installation, "d2")
    run(installation, "shell", "--no-imports", "-c", send)
    hook.secrets = [new]
    works(installation, "d3")
    run(installation, "shell", "--no-imports", "-c", send)

    [(lines,)] = installation.rows("SELECT COUNT(*) FROM actions_auditevent")
    [(acknowledged, error)] = installation.rows(
        "SELECT last_id, last_error FROM actions_auditstream"
    )
    assert (acknowledged, error) == (lines, "")
    assert hook.lines == lines


def test_h7_the_password_of_the_database_is_rotated(make_installation: MakeInstallation) -> None:
    installation = make_installation()
    for name in DEVICES:
        installation.vendor.add_device(device_id=name)
    with own_postgres() as url, psycopg.connect(url, autocommit=True) as server:
        [(rules,)] = server.execute("SHOW hba_file").fetchall()
        text = Path(rules).read_text()
        Path(rules).write_text(f"local all console scram-sha-256\n{text}")
        server.execute("CREATE ROLE console LOGIN SUPERUSER PASSWORD 'o/l d%'")
        server.execute("SELECT pg_reload_conf()")
        database = PostgresDatabase(url)
        installation.database = database
        address = database.url.replace("//postgres@", "//console:{}@")
        installation.env["DATABASE_URL"] = address.format("o/l d%25")
        run(installation, "migrate", "--verbosity", "0")
        works(installation, "d1")

        server.execute("ALTER ROLE console PASSWORD 'n:e@w'")
        refused = installation.manage("dispatch", "--seconds", "1")
        assert refused.returncode == 1
        assert "o/l d" not in refused.stdout + refused.stderr
        installation.env["DATABASE_URL"] = address.format("n:e@w")

        works(installation, "d2")
        database.remove()
