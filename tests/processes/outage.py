"""Take the database of an installation away, and give it back."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.processes.databases import SqliteDatabase
from tests.processes.installation import Installation


class Link:
    """A Unix socket in front of PostgreSQL that can be cut and joined again.

    While it is cut nothing listens. With `mute` it accepts and never answers.
    """

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir(mode=0o700)
        parts = urlsplit(url)
        self._path = folder / ".s.PGSQL.5432"
        self._server = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self.url = parts._replace(query=f"host={folder}").geturl()
        self.mute = False
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def join(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(100)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._listener:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._open.append(client)
                if self.mute:
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._open.append(server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_copy, args=ends, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Outage:
    """The database of an installation is away while `away` runs: cut off, or locked (SQLite)."""

    def __init__(self, installation: Installation) -> None:
        self._database = installation.database
        self._link: Link | None = None
        if not isinstance(self._database, SqliteDatabase):
            self._link = Link(installation.folder / "link", self._database.url)
            installation.env["DATABASE_URL"] = self._link.url
            self._link.join()

    @contextmanager
    def away(self) -> Iterator[None]:
        if self._link:
            self._link.cut()
            try:
                yield
            finally:
                self._link.join()
            return
        assert isinstance(self._database, SqliteDatabase)
        with closing(sqlite3.connect(self._database.path, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    def close(self) -> None:
        if self._link:
            self._link.cut()


def let_pass(seconds: float) -> None:
    """Let so much time pass: how long the outage lasts is what the test is about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
