"""H4: connections that send nothing, or nonsense, take the console from nobody."""

import http.client
import random
import re
import resource
import socket
from contextlib import suppress

import psutil
import pytest

from tests.processes.installation import ROOT, Installation
from tests.processes.web import HALF, Web, half_open, head, headers_of, rest_of, status_of

HEADERS = {
    "content-security-policy": "default-src 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "connection": "close",
}


def check_refusal(answer: bytes, status: int) -> None:
    """Check that there is one answer with this status, and that it has the security headers."""
    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1") == 1
    found = headers_of(answer)
    for name, value in HEADERS.items():
        assert value in found[name]
    assert found["x-request-id"].encode() in answer.partition(b"\r\n\r\n")[2]


HALF_BODY = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"


@pytest.mark.parametrize(
    ("files", "half"),
    [("-S -n 1024", HALF), ("-n 1024", b""), ("-n 1024", HALF_BODY)],
    ids=["head, soft limit", "nothing, hard limit", "body, hard limit"],
)
def test_h4_1100_half_open_requests_stop_nobody(
    installation: Installation, files: str, half: bytes
) -> None:
    web = Web(installation, files=files)
    cookie = web.sessions()["operator"]

    with half_open(web, 1100, half):
        for _ in range(5):
            assert status_of(web.get("/healthz/live")) == 200
            assert status_of(web.get("/devices/", cookie)) == 200

    assert len(web.log()) < 20_000


def test_h4_half_open_requests_are_closed_after_the_head_limit(installation: Installation) -> None:
    web = Web(installation, WEB_HEAD_SECONDS="1")
    with half_open(web, 200) as opened:
        answers = [rest_of(each) for each in opened]
    for answer in answers:
        check_refusal(answer, 408)
    installation.wait_until(lambda: connections_of(web) == 0)


def test_h4_a_head_that_arrives_byte_by_byte_is_closed_too(installation: Installation) -> None:
    web = Web(installation, WEB_HEAD_SECONDS="1")
    for first in (b"", head("/healthz/live/").replace(b"close", b"keep-alive")):
        with web.connect() as connection:
            connection.sendall(first)
            received = connection.recv(65536) if first else b""
            connection.settimeout(0.05)
            try:
                while True:
                    connection.sendall(b"G")
                    try:
                        part = connection.recv(65536)
                    except TimeoutError:
                        continue
                    received += part
                    if not part:
                        break
            except (BrokenPipeError, ConnectionResetError):
                pass
    installation.wait_until(lambda: connections_of(web) == 0)


def test_h4_more_connections_than_allowed_cut_those_that_only_wait(
    installation: Installation,
) -> None:
    web = Web(installation, WEB_CONNECTIONS="20", WEB_HEAD_SECONDS="600", WEB_BODY_SECONDS="600")
    upload = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    for kind in (b"", HALF, upload, head("/healthz/live/").replace(b"close", b"keep-alive")):
        opened = []
        for _ in range(60):
            opened.append(web.connect())
            with suppress(OSError):  # It may have been cut already.
                opened[-1].sendall(kind)
                if kind.endswith(b"keep-alive\r\n\r\n"):
                    assert status_of(opened[-1].recv(65536)) == 200
        assert status_of(web.get("/healthz/live/")) == 200
        assert connections_of(web) <= 20
        for each in opened:
            each.close()
    assert len(web.log()) < 20_000


def test_h4_without_free_file_descriptors_the_log_stays_small(installation: Installation) -> None:
    web = Web(installation)
    _, hard = resource.prlimit(web.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(web.process.pid, resource.RLIMIT_NOFILE, (web.process.num_fds(), hard))

    with half_open(web, 50):
        installation.wait_until(lambda: "no free file descriptor" in web.log())
        assert len(web.log()) < 20_000
    resource.prlimit(web.process.pid, resource.RLIMIT_NOFILE, (hard, hard))

    installation.wait_until(web.answers)
    assert web.log().count("no free file descriptor") == 1


def test_h4_long_pauses_between_and_after_answers_are_allowed(installation: Installation) -> None:
    web = Web(installation, WEB_HEAD_SECONDS="1", WEB_BODY_SECONDS="1")
    connection = http.client.HTTPConnection("127.0.0.1", web.port)
    for _ in range(3):
        connection.request("GET", "/healthz/live/", headers={"Host": "localhost"})
        assert connection.getresponse().read() == b"ok"
        connection.sock.settimeout(1.5)
        with pytest.raises(TimeoutError):  # And not b"", which would be the end.
            connection.sock.recv(1)
    connection.close()


def test_low_transfer_encoding_with_content_length_is_answered_once_and_closed(
    installation: Installation,
) -> None:
    web = Web(installation)
    second = head("/healthz/live/")
    both = b"Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
    for method in (b"POST", b"GET"):
        for length in (b"0", b"5", b"99", str(len(second) + 5).encode()):
            first = method + b" / HTTP/1.1\r\n" + both + length + b"\r\n\r\n0\r\n\r\n"
            check_refusal(web.exchange(first + second), 400)


def malformed() -> list[bytes]:
    """Heads that no browser sends: fixed kinds, and random bytes from a seed."""
    rng = random.Random(12)
    good = head("/healthz/live/")
    kinds = [
        b"\r\n" * 5000,
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        good[:-2] + b"X: " + b"b" * 100_000 + b"\r\n\r\n",
        good[:-2] + b"X: 1\r\n" * 20_000 + b"\r\n",
        good[:-2] + b"Host: elsewhere\r\n\r\n",
        good[:-2] + b"Content-Length: -1\r\n\r\n",
        good[:-2] + b"Content-Length: 1, 2\r\n\r\n",
        good[:-2] + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        good[:-2] + b"Transfer-Encoding: gzip\r\n\r\n",
        good[:-2] + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        good[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 100_000,
        good[:-2] + b" folded: 1\r\n\r\n",
        good.replace(b"Host: localhost", b"Host: \xff\xfe"),
        good.replace(b"Connection: close", b"Connection: Upgrade\r\nUpgrade: websocket"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    kinds += [rng.randbytes(rng.randrange(1, 5000)) for _ in range(60)]
    for _ in range(60):
        place = rng.randrange(len(good))
        kinds.append(good[:place] + rng.randbytes(rng.randrange(1, 9)) + good[place:])
    return kinds


NO_PATH = [
    b"PRI * HTTP/2.0",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT localhost:443 HTTP/1.1",
    b"GET http://localhost/healthz/live/ HTTP/1.1",
    b"GET healthz/live/ HTTP/1.1",
    b"GET /healthz/live/ HTTP/2.0",
    b"GET /healthz/live/ HTTP/0.9",
]


def test_h4_a_first_line_that_names_no_path_is_refused(installation: Installation) -> None:
    web = Web(installation)
    for line in NO_PATH:
        check_refusal(web.exchange(line + b"\r\nHost: localhost\r\n\r\n"), 400)
    assert web.answers()


def test_h4_malformed_heads_change_nothing_for_others_and_their_connections_end(
    installation: Installation,
) -> None:
    web = Web(installation, "--no-access-log", WEB_HEAD_SECONDS="1", WEB_BODY_SECONDS="1")
    expected = web.get("/healthz/live/").partition(b"\r\n\r\n")[2]
    for number, data in enumerate(malformed()):
        with web.connect() as connection:
            try:
                connection.sendall(data)
            except OSError:
                continue
            if number % 10 == 0:
                assert web.get("/healthz/live/").partition(b"\r\n\r\n")[2] == expected
            connection.shutdown(socket.SHUT_WR)
            rest_of(connection)  # Returns only when the connection ends.
    installation.wait_until(lambda: connections_of(web) == 0)
    lines = web.lines()
    assert not [line for line in lines if "traceback" in line]
    assert len(web.log()) < 20_000


def test_h4_a_head_split_at_every_byte_is_answered_as_a_whole_one(
    installation: Installation,
) -> None:
    web = Web(installation)
    data = head("/healthz/live/")
    for place in range(1, len(data)):
        with web.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(data[:place])
            connection.sendall(data[place:])
            assert status_of(rest_of(connection)) == 200


STARTS = {
    "by hand": [],
    "several workers": ["--workers", "2"],
    "the other parser": ["--http", "auto", "--loop", "asyncio"],
    "the Procfile": re.findall(
        r"^web: .*--host \S+ --port \S+(.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE
    )[0].split(),
    "manage.py up": ["--log-level", "warning", "--no-access-log"],
}
"""Options of uvicorn in each way to start the web."""


@pytest.mark.parametrize("options", STARTS.values(), ids=STARTS.keys())
def test_the_limits_hold_whatever_command_starts_the_web(
    installation: Installation, options: list[str]
) -> None:
    web = Web(installation, *options, WEB_HEAD_SECONDS="1")
    with web.connect() as connection:
        connection.sendall(HALF)
        check_refusal(rest_of(connection), 408)


def test_a_foreign_host_gets_400_with_the_headers_and_one_line_in_the_log(
    installation: Installation,
) -> None:
    web = Web(installation, "--no-access-log", ALLOWED_HOSTS="console.corp.example", HTTPS="1")
    installation.wait_until(lambda: "Uvicorn running" in web.log())
    before = len(web.log())
    for host in ("evil.example", "evil.example:99", "console.corp.example.evil", "[::1]", "a b"):
        for _ in range(10):
            check_refusal(web.get("/", host=host), 400)
    for line in (b"Host: \r\n", b"Host:\r\n", b""):
        check_refusal(web.exchange(b"GET / HTTP/1.0\r\n" + line + b"\r\n"), 400)
    written = web.log()[before:]
    assert len(written.splitlines()) == 1
    assert "ALLOWED_HOSTS" in written
    assert "evil" not in written


def test_low_uvicorns_own_lines_are_json(installation: Installation) -> None:
    web = Web(installation, "--log-level", "info")
    web.exchange(b"no http\r\n\r\n")
    installation.wait_until(lambda: "no valid HTTP" in web.log())
    loggers = {line["logger"] for line in web.lines()}
    assert {"uvicorn.error", "uvicorn.access", "dashboard.server"} <= loggers


def connections_of(web: Web) -> int:
    """Number of open connections of the process and its children."""
    everyone = [web.process, *web.process.children(recursive=True)]
    return sum(
        each.status == psutil.CONN_ESTABLISHED
        for process in everyone
        for each in process.net_connections("tcp")
        if each.laddr.port == web.port
    )


def test_the_limits_are_10_seconds_for_a_head_and_60_for_a_body(installation: Installation) -> None:
    ask = "from django.conf import settings as s; print(s.WEB_HEAD_SECONDS, s.WEB_BODY_SECONDS)"
    assert installation.manage("shell", "--no-imports", "-c", ask).stdout.split() == [
        "10.0",
        "60.0",
    ]
