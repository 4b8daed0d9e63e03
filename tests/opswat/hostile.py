"""A server that answers exactly as a test wants, over real sockets on a free loopback port."""

import contextlib
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

TIMEOUT = 5.0


@dataclass(frozen=True)
class Arrived:
    """One request as the server received it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return f"{self.method} {self.target} {self.body.decode('utf-8', 'replace')}"


Script = Callable[[socket.socket, Arrived], None]


class HostileServer:
    """Reads each request and hands the connection to `script`; a context manager."""

    def __init__(self, script: Script, *, reads: bool = True) -> None:
        self.script = script
        self.received: list[Arrived] = []
        self.connections = 0
        self._reads = reads
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "HostileServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown ends the accept of the thread; on Linux close alone does not.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(TIMEOUT)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        with contextlib.suppress(OSError), connection:
            arrived = Arrived("", "", {}, b"")
            if self._reads:
                arrived = _read_request(connection)
                self.received.append(arrived)
            self.script(connection, arrived)


def _read_request(connection: socket.socket) -> Arrived:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("The client disconnected.")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ", 2)
    return Arrived(method, target, headers, body)


def head(code: int, *lines: str) -> bytes:
    """Return the status line and the header of an answer."""
    return "\r\n".join([f"HTTP/1.1 {code} Whatever", *lines, "", ""]).encode("latin-1")


def reply(code: int, body: bytes, *lines: str) -> Script:
    """Return a script that sends a complete answer."""

    def script(connection: socket.socket, arrived: Arrived) -> None:
        connection.sendall(head(code, f"Content-Length: {len(body)}", *lines) + body)

    return script


def reply_json(value: object, code: int = 200, *lines: str) -> Script:
    """Return a script that answers with JSON."""
    return reply(code, json.dumps(value).encode(), "Content-Type: application/json", *lines)


def echo(code: int, form: str = "{}", *lines: str) -> Script:
    """Return a script that repeats the request, with its secrets, in the header and the body."""

    def script(connection: socket.socket, arrived: Arrived) -> None:
        body = form.replace("{}", arrived.text.replace('"', "'")).encode()
        head_lines = (f"Content-Length: {len(body)}", f"X-Echo: {arrived.target}", *lines)
        connection.sendall(head(code, *head_lines) + body)

    return script


def cut(connection: socket.socket, arrived: Arrived) -> None:
    """Close without an answer."""


def reset(connection: socket.socket, arrived: Arrived) -> None:
    """Close with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection: socket.socket, arrived: Arrived) -> None:
    """Send nothing until the client disconnects."""
    connection.recv(1)


def half_body(connection: socket.socket, arrived: Arrived) -> None:
    """Send less than the declared length."""
    connection.sendall(head(200, "Content-Length: 100000") + b'[{"id": "' + arrived.text.encode())


def broken_chunks(connection: socket.socket, arrived: Arrived) -> None:
    """End in the middle of a chunk."""
    connection.sendall(
        head(200, "Transfer-Encoding: chunked") + b"ffff\r\n[" + arrived.text.encode()
    )


def _drip(connection: socket.socket, data: bytes) -> None:
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        for index in range(len(data)):
            connection.sendall(data[index : index + 1])
            time.sleep(0.02)


def drip_head(connection: socket.socket, arrived: Arrived) -> None:
    """Send header lines without end, one byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    _drip(connection, f"X-Echo: {arrived.target}\r\n".encode())


def drip_body(connection: socket.socket, arrived: Arrived) -> None:
    """Send a body without end, one byte at a time."""
    connection.sendall(head(200))
    _drip(connection, b"[ " + arrived.text.encode())


def drip_chunks(connection: socket.socket, arrived: Arrived) -> None:
    """Send a chunked body without end, one byte at a time."""
    connection.sendall(head(200, "Transfer-Encoding: chunked"))
    _drip(connection, b"1\r\n[\r\n")


def endless_continue(connection: socket.socket, arrived: Arrived) -> None:
    """Send interim answers only."""
    _drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n")


def garbage(connection: socket.socket, arrived: Arrived) -> None:
    """Send something that is not HTTP."""
    connection.sendall(arrived.text.encode() + b"\r\n\r\n")


def bad_header_line(connection: socket.socket, arrived: Arrived) -> None:
    """Send a header line that makes urllib3 warn with the whole URL."""
    body = b"[]"
    lines = f"Content-Length: {len(body)}\r\n{arrived.target}\r\nA: b\r\n\r\n".encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + lines + body)


def huge(connection: socket.socket, arrived: Arrived) -> None:
    """Send a list that does not end."""
    connection.sendall(head(200) + b'["' + arrived.text.encode())
    while True:
        connection.sendall(b"x" * 65536)


def gzip_bomb(connection: socket.socket, arrived: Arrived) -> None:
    """Send 64 MB of blanks in 64 kB."""
    body = gzip.compress(b"[" + b" " * (64 * 2**20) + b"]", 9)
    connection.sendall(head(200, "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)


def bad_gzip(connection: socket.socket, arrived: Arrived) -> None:
    """Declare gzip and send the request as plain text."""
    body = arrived.text.encode()
    connection.sendall(head(200, "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)


FAULTS: dict[str, Script] = {
    "cut": cut,
    "reset": reset,
    "silent": silent,
    "half_body": half_body,
    "broken_chunks": broken_chunks,
    "drip_head": drip_head,
    "drip_body": drip_body,
    "drip_chunks": drip_chunks,
    "endless_continue": endless_continue,
    "garbage": garbage,
    "bad_header_line": bad_header_line,
    "huge": huge,
    "gzip_bomb": gzip_bomb,
    "bad_gzip": bad_gzip,
    "deep_json": reply(200, b"[" * 200_000),
    "not_utf8": reply(200, b"\xff\xfe\xfa[\xff]"),
    "long_number": reply(200, b"[" + b"9" * 10_000 + b"]"),
    "html": echo(200, "<html><body>{}</body></html>", "Content-Type: text/html"),
    "broken_json": echo(200, '[{"id": "{}", "access_token": "{}"'),
    "text": echo(200, '"{}"'),
    "object": echo(200, '{"error": "{}", "message": "{}"}'),
    "object_key": echo(200, '{"{}": {"{}": ["{}"]}}'),
    "odd_rows": echo(200, '[{"id": "{}", "status": "{}", "device_id": "{}"}, "{}", 7, null]'),
    "odd_page": echo(
        200, '{"devices": [{"device_id": "d1", "device_name": "{}"}], "next_token": "{}"}'
    ),
    "odd_details": echo(200, '[{"device_id": "d1", "device_name": "{}", "group_id": "{}"}]'),
    "odd_token": echo(200, '{"access_token": ["{}"], "expires_in": "{}"}'),
    "odd_rates": echo(429, "{}", "X-RateLimit-Reset-Time: soon", "X-RateLimit-Limit: -3"),
    **{
        f"status_{code}": echo(code, '{"error": "{}", "trace": "{}"}')
        for code in (202, 204, 206, 300, 304, 400, 401, 403, 404, 405, 406, 409, 413, 415, 429)
    },
    **{f"status_{code}": echo(code) for code in (500, 501, 502, 503, 504, 599, 700)},
}
"""Answers by name; most of them repeat the request with its secrets."""
