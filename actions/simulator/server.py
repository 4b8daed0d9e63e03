"""Real HTTP on the loopback address: sockets, threads, and a stop that leaves neither behind."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from actions.simulator.admin_api import PREFIX, control
from actions.simulator.checks import Call, Refusal, read_query
from actions.simulator.handler import Core
from actions.simulator.replies import JSON_TYPE, Reply, refuse

HOST = "127.0.0.1"
LARGEST_BODY = 4 * 2**20
CHUNK = 64 * 1024


class SimulatorServer(ThreadingHTTPServer):
    """A thread for each connection; `stopping` wakes those that hold a connection open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, core: Core, port: int) -> None:
        self.core = core
        self.stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._open_lock = threading.Lock()
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def run(self) -> None:
        """Accept connections until stop is called; unlike serve_forever it never looks in vain."""
        while not self.stopping.is_set():
            self.handle_request()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn away what comes after stop was called, its own waking connection above all."""
        return not self.stopping.is_set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember connection and thread before the thread starts, so that stop misses none."""
        work = (request, client_address)
        thread = threading.Thread(
            target=self._serve_connection, args=work, name="simulator-connection", daemon=True
        )
        with self._open_lock:
            self._open[thread] = request
        thread.start()

    def _serve_connection(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away; anything else is a mistake worth a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def stop(self, accepting: threading.Thread) -> None:
        """Close every socket and wait for every thread, the one that accepts first."""
        self.stopping.set()
        with suppress(OSError), socket.create_connection((HOST, self.server_port), 1.0):
            accepting.join(5.0)
        self.server_close()
        with self._open_lock:
            left = dict(self._open)
        for connection in left.values():
            with suppress(OSError):  # It may have been closed a moment ago.
                connection.shutdown(socket.SHUT_RDWR)
        for thread in left:
            thread.join(5.0)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, has the core answer it, and sends the reply in the manner it asks for."""

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
            self._serve_control(call)
            return
        core = self._server.core
        self._wait(core.lateness(call.path))
        entry, verdict = core.arrive(call)
        call.raw = self._read_body()
        self._send(core.respond(call, entry, verdict))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The name of the base.
        """Write nothing: the request line holds the token."""

    @property
    def _server(self) -> SimulatorServer:
        return cast("SimulatorServer", self.server)

    def _serve_control(self, call: Call) -> None:
        call.raw = self._read_body()
        try:
            body = json.dumps(control(self._server.core, call)).encode()
            reply = Reply(200, body, {"Content-Type": JSON_TYPE})
        except Refusal as refusal:
            reply = refuse(refusal, "object")
        self._send(reply)

    def _read_body(self) -> bytes | None:
        """Read what Content-Length announces; None if the length is missing, odd or too large."""
        length = self.headers.get("Content-Length", "0")
        chunked = "Transfer-Encoding" in self.headers
        if chunked or not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _wait(self, seconds: float) -> None:
        """Wait, but not a moment longer than the server lives."""
        if seconds > 0 and self._server.stopping.wait(seconds):
            raise ConnectionAbortedError

    def _send(self, reply: Reply) -> None:
        self._wait(reply.delay)
        if reply.manner == "none":
            self.close_connection = True
            return
        length = reply.size if reply.manner == "padded" else len(reply.body)
        if reply.manner != "whole":
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
            for piece in _pieces(reply):
                self.wfile.write(piece)
                self._wait(reply.pause)


def _pieces(reply: Reply) -> Iterator[bytes]:
    """Give the body as it shall be written: whole, half of it, in drops, or padded to a size."""
    if reply.manner == "whole":
        yield reply.body
    elif reply.manner == "half":
        yield reply.body[: len(reply.body) // 2]
    elif reply.manner == "drip":
        for start in range(0, len(reply.body), reply.size):
            yield reply.body[start : start + reply.size]
    else:
        yield b'["'
        for start in range(0, reply.size - 4, CHUNK):
            yield b"x" * min(CHUNK, reply.size - 4 - start)
        yield b'"]'
