"""H4: a body that is too large or too slow costs no disk, no memory and nobody's time."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.processes.installation import Installation
from tests.processes.test_web_connections import check_refusal
from tests.processes.web import Web, peak_memory, rest_of, status_of

MEGABYTE = b"x" * 2**20
STATED = "Content-Length: {}"
CHUNKED = "Transfer-Encoding: chunked"


def post(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def send_all(connection: socket.socket, parts: Iterator[bytes]) -> int:
    """Send until the other side ends the connection; return the bytes that it took."""
    sent = 0
    with suppress(BrokenPipeError, ConnectionResetError):
        for part in parts:
            connection.sendall(part)
            sent += len(part)
    return sent


def megabytes(count: int, *, chunked: bool) -> Iterator[bytes]:
    for _ in range(count):
        yield b"100000\r\n" + MEGABYTE + b"\r\n" if chunked else MEGABYTE


@pytest.mark.parametrize("path", ["/accounts/login/", "/nowhere", "/devices/lists/"])
@pytest.mark.parametrize("header", [STATED.format(400 * 2**20), CHUNKED])
def test_h4_400_megabytes_are_answered_with_413_and_kept_nowhere(
    installation: Installation, path: str, header: str
) -> None:
    web = Web(installation)
    before = peak_memory(web)

    with web.connect() as connection:
        connection.sendall(post(path, header))
        if header != CHUNKED:  # At once, before any of the body.
            received = b""
            while b"Request:" not in received:
                received += connection.recv(65536)
            check_refusal(received, 413)
        reader: list[bytes] = []
        thread = threading.Thread(target=lambda: reader.append(rest_of(connection)))
        thread.start()
        send_all(connection, megabytes(400, chunked=header == CHUNKED))
        thread.join(60)
        assert not thread.is_alive()
        if header == CHUNKED:
            check_refusal(reader[0], 413)

    installation.wait_until(lambda: not web.files())
    limit = 40 if path == "/devices/lists/" else 10
    assert peak_memory(web) - before < 3 * limit
    assert web.answers()


def test_h4_small_pages_keep_nothing_of_a_large_body_on_the_disk(
    installation: Installation,
) -> None:
    web = Web(installation)
    with web.connect() as connection:
        connection.sendall(post("/accounts/login/", CHUNKED))
        for part in megabytes(400, chunked=True):
            assert web.files() == []
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(part)


@pytest.mark.parametrize("header", [STATED.format(100), CHUNKED])
def test_h4_a_slow_body_is_closed(installation: Installation, header: str) -> None:
    web = Web(installation, WEB_BODY_SECONDS="1")
    with web.connect() as connection:
        connection.sendall(post("/accounts/login/", header))
        check_refusal(rest_of(connection), 408)


def test_h4_a_body_that_drips_is_closed_too(installation: Installation) -> None:
    web = Web(installation, WEB_BODY_SECONDS="1")
    with web.connect() as connection:
        connection.sendall(post("/accounts/login/", STATED.format(10_000)))
        connection.settimeout(0.05)
        received = b""
        while b"Request:" not in received:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"x")
            with suppress(TimeoutError):
                received += connection.recv(65536)
        check_refusal(received, 408)


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("extension", [b"", b";a=b"])
def test_h4_a_body_in_tiny_chunks_is_closed(
    installation: Installation, size: int, extension: bytes
) -> None:
    # Each chunk costs the event loop about 10 microseconds, and all other clients wait for it.
    web = Web(installation)
    chunk = b"%x%b\r\n%b\r\n" % (size, extension, b"x" * size)
    with web.connect() as connection:
        connection.sendall(post("/devices/lists/", CHUNKED))
        sent = send_all(connection, iter([chunk * 500] * 10_000))
        assert sent < len(chunk) * 500 * 10_000
    assert web.answers()


def test_h4_chunks_of_the_usual_size_may_be_many(installation: Installation) -> None:
    web = Web(installation)
    web.sessions()
    chunks = b"400\r\n%b\r\n" % MEGABYTE[:1024] * 3000 + b"1\r\nx\r\n" * 900
    data = post("/devices/lists/", CHUNKED, "Connection: close") + chunks + b"0\r\n\r\n"
    assert status_of(web.exchange(data)) == 403  # No CSRF token: Django has read it.


def test_h4_large_bodies_of_one_address_leave_room_for_those_of_others(
    installation: Installation,
) -> None:
    web = Web(installation)
    web.sessions()
    size = 31 * 2**20
    data = post("/devices/lists/", STATED.format(size), "Connection: close")
    with ExitStack() as stack:
        connections = [stack.enter_context(web.connect()) for _ in range(9)]
        for connection in connections[:2]:
            connection.sendall(data)
            send_all(connection, megabytes(30, chunked=False))  # All but the last megabyte.
        for connection in connections[2:]:
            connection.sendall(data)
            send_all(connection, megabytes(31, chunked=False))
            check_refusal(rest_of(connection), 503)
        other = stack.enter_context(web.connect("127.0.0.2"))
        other.sendall(data)
        send_all(other, megabytes(31, chunked=False))
        assert status_of(rest_of(other)) == 403  # No CSRF token: Django has read it.
        connections[0].sendall(MEGABYTE)
        assert status_of(rest_of(connections[0])) == 403


def test_a_body_within_the_limits_arrives_whole(installation: Installation) -> None:
    web = Web(installation)
    web.sessions()
    for data in (
        post("/accounts/login/", STATED.format(3), "Connection: close") + b"a=b",
        post("/accounts/login/", CHUNKED, "Connection: close") + b"3\r\na=b\r\n0\r\n\r\n",
        post("/accounts/login/", STATED.format(2**15), "Connection: close") + MEGABYTE[: 2**15],
    ):
        assert status_of(web.exchange(data)) == 403  # No CSRF token: Django has read it.
