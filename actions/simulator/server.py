"""The HTTP server on 127.0.0.1; its stop closes every socket and joins every thread."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from actions.simulator.admin_api import PREFIX, handle_admin_call
from actions.simulator.checks import Call, Refusal, read_query
from actions.simulator.handler import CallHandler
from actions.simulator.replies import JSON_TYPE, Reply, refusal_reply

HOST = "127.0.0.1"
MAX_BODY = 4 * 2**20
CHUNK_SIZE = 64 * 1024

Connection = socket.socket | tuple[bytes, socket.socket]
"""The type that socketserver declares; a server of TCP gets sockets only."""


class SimulatorServer(ThreadingHTTPServer):
    """Serves each connection in a thread; `stopping` interrupts held connections."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: CallHandler, port: int) -> None:
        self.handler = handler
        self.stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._connections_lock = threading.Lock()
        super().__init__((HOST, port), RequestHandler)

    def server_bind(self) -> None:
        """Bind without a DNS lookup of the host name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def run(self) -> None:
        """Accept connections until stop is called; unlike serve_forever this does not poll."""
        while not self.stopping.is_set():
            self.handle_request()

    def verify_request(self, request: Connection, client_address: object) -> bool:
        """Reject connections after stop was called, such as the one by which stop wakes `run`."""
        return not self.stopping.is_set()

    def process_request(self, request: Connection, client_address: object) -> None:
        """Register connection and thread before the thread starts, so that stop finds them."""
        args = (request, client_address)
        thread = threading.Thread(
            target=self._serve_connection, args=args, name="simulator-connection", daemon=True
        )
        with self._connections_lock:
            self._connections[thread] = cast("socket.socket", request)
        thread.start()

    def _serve_connection(self, request: Connection, client_address: object) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.pop(threading.current_thread(), None)

    def handle_error(self, request: Connection, client_address: object) -> None:
        """Ignore a client that disconnected; any other error is a bug and gets a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def stop(self, accepting: threading.Thread) -> None:
        """Close every socket and join every thread, first `accepting`, which executes `run`."""
        self.stopping.set()
        with suppress(OSError), socket.create_connection((HOST, self.server_port), 1.0):
            accepting.join(5.0)
        self.server_close()
        with self._connections_lock:
            remaining = dict(self._connections)
        for connection in remaining.values():
            with suppress(OSError):  # It may be closed already.
                connection.shutdown(socket.SHUT_RDWR)
        for thread in remaining:
            thread.join(5.0)


class RequestHandler(BaseHTTPRequestHandler):
    """Reads a request, passes it to the CallHandler and sends the reply in the reply's mode."""

    protocol_version = "HTTP/1.1"
    server_version = "Simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 120  # seconds that an idle connection may stay open

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        call = Call(self.command, parts.path, query=read_query(parts.query))
        call.content_type = self.headers.get("Content-Type", "")
        call.authorization = self.headers.get("Authorization", "")
        if call.path.startswith(PREFIX):
            self._serve_admin(call)
            return
        handler = self._server.handler
        self._wait(handler.arrival_delay(call.path))
        entry, verdict = handler.log_arrival(call)
        call.raw = self._read_body()
        self._send(handler.respond(call, entry, verdict))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # As in the base.
        """Write nothing: the request line contains the token."""

    @property
    def _server(self) -> SimulatorServer:
        return cast("SimulatorServer", self.server)

    def _serve_admin(self, call: Call) -> None:
        call.raw = self._read_body()
        try:
            host = self.headers.get("Host", "")
            body = json.dumps(handle_admin_call(self._server.handler, call, host)).encode()
            reply = Reply(200, body, {"Content-Type": JSON_TYPE})
        except Refusal as refusal:
            reply = refusal_reply(refusal, "object")
        self._send(reply)

    def _read_body(self) -> bytes | None:
        """Read Content-Length bytes; None for a chunked, too long or otherwise invalid body."""
        length = self.headers.get("Content-Length", "0")
        chunked = "Transfer-Encoding" in self.headers
        if chunked or not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _wait(self, seconds: float) -> None:
        """Sleep; raises ConnectionAbortedError if the server stops meanwhile."""
        if seconds > 0 and self._server.stopping.wait(seconds):
            raise ConnectionAbortedError

    def _send(self, reply: Reply) -> None:
        self._wait(reply.delay)
        if reply.mode == "none":
            self.close_connection = True
            return
        length = reply.size if reply.mode == "padded" else len(reply.body)
        if reply.mode != "whole":
            self.close_connection = True
        self.send_response(reply.code)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.announced:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for chunk in _chunks(reply):
                self.wfile.write(chunk)
                self._wait(reply.pause)


def _chunks(reply: Reply) -> Iterator[bytes]:
    """Yield the body in the reply's mode: whole, half, in small chunks, or padded to a size."""
    if reply.mode == "whole":
        yield reply.body
    elif reply.mode == "half":
        yield reply.body[: len(reply.body) // 2]
    elif reply.mode == "drip":
        for start in range(0, len(reply.body), reply.size):
            yield reply.body[start : start + reply.size]
    else:
        yield b'["'
        for start in range(0, reply.size - 4, CHUNK_SIZE):
            yield b"x" * min(CHUNK_SIZE, reply.size - 4 - start)
        yield b'"]'
