"""The web process of an installation, and raw connections to it."""

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.ports import free_port
from tests.processes.installation import Installation

UVICORN = (sys.executable, "-m", "uvicorn", "dashboard.asgi:application")
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "

PEOPLE = """
from importlib import import_module
from django.conf import settings
from dashboard.models import User
engine = import_module(settings.SESSION_ENGINE)
for name in ("operator", "viewer"):
    user = User.objects.create(username=name, role=name, password="!")
    session = engine.SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    print("cookie", name, session.session_key)
"""


class Web:
    """One web process, started as by hand; `files` is its limit of open files, soft or hard."""

    def __init__(
        self, installation: Installation, *options: str, files: str = "", **env: str
    ) -> None:
        self.installation, self.port = installation, free_port()
        self.host = env.get("ALLOWED_HOSTS", "localhost")
        self.temporary = installation.folder / "tmp"
        self.temporary.mkdir()
        installation.env |= {"TMPDIR": str(self.temporary)} | env
        command = [*UVICORN, "--port", str(self.port), *options]
        if files:
            command = ["sh", "-c", f'ulimit {files}; exec "$0" "$@"', *command]
        self.process = psutil.Process(installation.spawn(*command).pid)
        installation.wait_until(self.answers)

    def answers(self) -> bool:
        with suppress(OSError):
            return status_of(self.get("/healthz/live/")) in {200, 301}  # 301: to https.
        return False

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """Connect from this address of the machine."""
        return socket.create_connection(("127.0.0.1", self.port), 60, (address, 0))

    def get(self, path: str, cookie: str = "", host: str = "") -> bytes:
        """Return the whole answer to a GET on a connection of its own."""
        return self.exchange(head(path, cookie, host or self.host))

    def exchange(self, data: bytes) -> bytes:
        """Send bytes and return all that comes until the connection ends."""
        with self.connect() as connection:
            connection.sendall(data)
            return rest_of(connection)

    def sessions(self) -> dict[str, str]:
        """Create an operator and a viewer, and return the cookies of their sessions."""
        done = self.installation.manage("shell", "--no-imports", "-c", PEOPLE)
        found = dict(re.findall(r"^cookie (\w+) (\w+)$", done.stdout, re.MULTILINE))
        assert set(found) == {"operator", "viewer"}, done.stderr
        return {name: f"session={key}" for name, key in found.items()}

    def log(self) -> str:
        return (self.installation.folder / "output.log").read_text()

    def lines(self) -> list[dict[str, str]]:
        """Return all lines of the log; each has to be a JSON object."""
        return [json.loads(line) for line in self.log().splitlines()]

    def files(self) -> list[Path]:
        """Return the temporary files of the process, also those without a name."""
        open_files = Path(f"/proc/{self.process.pid}/fd").iterdir()
        targets = []
        for each in open_files:
            with suppress(FileNotFoundError):
                targets.append(each.readlink())
        kept = [path for path in targets if path.is_relative_to(self.temporary)]
        return kept + list(self.temporary.iterdir())


def head(path: str, cookie: str = "", host: str = "localhost") -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"Cookie: {cookie}"] if cookie else []
    return "\r\n".join([*lines, "", ""]).encode()


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the connection ends, also if the other side resets it."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


def headers_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@contextmanager
def half_open(web: Web, count: int, half: bytes = HALF) -> Iterator[list[socket.socket]]:
    """Open connections with half a request each."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(web.connect())
            with suppress(OSError):  # It may have been closed already.
                opened[-1].sendall(half)
        yield opened
    finally:
        for each in opened:
            each.close()


def peak_memory(web: Web) -> int:
    """Return the largest resident size of the process so far, in megabytes."""
    status = Path(f"/proc/{web.process.pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(kilobytes) // 1024
