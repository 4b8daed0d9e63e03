"""A log is detected by its first bytes; other content is the reason why it is not ready."""

import hashlib
import io
import tarfile
import zipfile
from urllib.parse import parse_qs, urlsplit

import pytest

from actions.opswat.errors import Blocked, Unconfirmed
from actions.opswat.payloads import ReportReply
from tests.opswat.hostile import HostileServer, head, reply, reply_json
from tests.opswat.parts import SLOT, TOKEN, make_client


def make_zip(size: int = 200_000) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("agent.log", b"0123456789" * (size // 10))
    return target.getvalue()


def fetch(script, **changes) -> tuple[ReportReply, bytes]:
    sink = io.BytesIO()
    with HostileServer(script) as server:
        answer = make_client(server.url, **changes).get_report(SLOT, TOKEN, "c/1 &x", sink)
        (arrived,) = server.received
    parts = urlsplit(arrived.target)
    assert (arrived.method, parts.path) == ("GET", "/o/api/v3.1/get_reports")
    query = parse_qs(parts.query)
    assert query == {"type": ["agent_log"], "command_id": ["c/1 &x"], "access_token": [TOKEN]}
    return answer.value, sink.getvalue()


@pytest.mark.parametrize("code", [200, 400, 404])
@pytest.mark.parametrize("kind", ["application/zip", "application/json", "text/html"])
def test_a_zip_is_the_log_whatever_code_and_type_it_has(code, kind):
    log = make_zip()
    report, written = fetch(reply(code, log, f"Content-Type: {kind}"))
    assert written == log
    assert report == ReportReply(True, len(log), hashlib.sha256(log).hexdigest(), "")


def test_a_log_that_arrives_byte_by_byte_is_read_completely():
    log = make_zip(100)

    def script(connection, arrived):
        connection.sendall(head(200, "Transfer-Encoding: chunked"))
        for byte in log:
            connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
        connection.sendall(b"0\r\n\r\n")

    report, written = fetch(script)
    assert (report.ready, written) == (True, log)


def test_an_empty_archive_is_a_log():
    report, written = fetch(reply(200, b"PK\x05\x06" + bytes(18)))
    assert (report.ready, len(written)) == (True, 22)


def tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("agent.log"))
    return target.getvalue()


FILES = {
    "tar": tar(),
    "events of Windows": b"ElfFile\x00" + bytes(100),
    "cabinet": b"MSCF" + bytes(40),
    "lz4": b"\x04\x22\x4d\x18" + bytes(20),
    "compress": b"\x1f\x9d\x90a\x00b",
    "a dump": b"MDMP" + bytes(40),
    "bytes before a zip": b"\xff\xfe" + make_zip(100),
    "text in utf-16": "2026 ERROR x\r\n".encode("utf-16"),
    "a text longer than any message": b"2026-11-22 10:30:00 ERROR x\r\n" * 3_000,
    "lines of json": b'{"level": "error"}\n' * 5_000,
    "lines in brackets": b"[2026-11-22 10:30:00] x\n" * 4_000,
}


@pytest.mark.parametrize("code", [200, 404])
@pytest.mark.parametrize("name", FILES)
def test_case_50_a_file_of_any_kind_is_evidence_and_kept(name, code):
    report, written = fetch(reply(code, FILES[name]))
    assert (report.ready, report.size, written) == (True, len(FILES[name]), FILES[name])


def test_case_50_a_file_in_small_pieces_is_kept_whole():
    def script(connection, arrived):
        connection.sendall(head(200, "Transfer-Encoding: chunked"))
        for at in range(0, len(log := FILES["lines of json"]), 999):
            part = log[at : at + 999]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")

    assert fetch(script)[1] == FILES["lines of json"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_a_message_is_no_file_in_any_encoding(encoding):
    text = '{"message": "still collecting"}'
    report, written = fetch(reply(404, text.encode(encoding)))
    assert (report.ready, report.message, written) == (False, "still collecting", b"")
    page = "<html>no</html>".encode(encoding)
    sink = io.BytesIO()
    with HostileServer(reply(200, page * 9_000)) as server, pytest.raises(Unconfirmed):
        make_client(server.url).get_report(SLOT, TOKEN, "c1", sink)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("code", [200, 202, 400, 404])
def test_json_means_not_ready_with_the_vendors_text(code):
    report, written = fetch(reply_json({"status": 0, "message": "still\n\x00collecting"}, code))
    assert report == ReportReply(False, 0, "", "still collecting")
    assert written == b""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"{}", "{}"),
        (b"[]", "[]"),
        (b"no such command", "no such command"),
        (b'{"error": "gone"}', "gone"),
        (b'{"message": "' + b"m" * 1000 + b'"}', "m" * 300),
        (b"PK", "PK"),
        (b"PK\x03", "PK"),
    ],
)
def test_404_means_not_ready_whatever_its_body(body, message):
    report, written = fetch(reply(404, body))
    assert (report.ready, report.message, written) == (False, message, b"")


@pytest.mark.parametrize("body", [b"", b"<html>", b"PK", b"PK\x03\x03 and more", b"\xff\xfe"])
def test_a_success_that_is_neither_zip_nor_json_is_unconfirmed(body):
    with HostileServer(reply(200, body)) as server, pytest.raises(Unconfirmed):
        make_client(server.url).get_report(SLOT, TOKEN, "c1", io.BytesIO())


@pytest.mark.parametrize("code", [403, 405, 415])
def test_a_zip_behind_a_refusal_is_not_read(code):
    sink = io.BytesIO()
    with HostileServer(reply(code, make_zip())) as server, pytest.raises(Blocked):
        make_client(server.url).get_report(SLOT, TOKEN, "c1", sink)
    assert sink.getvalue() == b""


def test_an_incomplete_log_is_unconfirmed():
    def script(connection, arrived):
        connection.sendall(head(200, "Content-Length: 1000") + b"PK\x03\x04" + bytes(100))

    with HostileServer(script) as server, pytest.raises(Unconfirmed, match="broke off"):
        make_client(server.url).get_report(SLOT, TOKEN, "c1", io.BytesIO())


def test_a_log_over_the_size_limit_is_unconfirmed_and_writes_no_more():
    sink = io.BytesIO()
    refused = pytest.raises(Unconfirmed, match="too large")
    with HostileServer(reply(200, make_zip(500_000))) as server, refused:
        make_client(server.url, max_report_bytes=100_000).get_report(SLOT, TOKEN, "c1", sink)
    assert len(sink.getvalue()) <= 100_000
