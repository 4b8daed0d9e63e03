"""A separate database for each installation, of the kind that the suite runs on."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

Row = tuple[Any, ...]

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


class Database(Protocol):
    """The database of an installation, which a test can query directly."""

    url: str

    def rows(self, query: str) -> list[Row]: ...

    def snapshot(self) -> AbstractContextManager[Callable[[], None]]: ...

    def set_open(self, *, is_open: bool) -> None: ...

    def remove(self) -> None: ...


class SqliteDatabase:
    """A database file; a new one is a copy of the migrated one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def copy_to(self, folder: Path) -> "SqliteDatabase":
        return SqliteDatabase(Path(shutil.copy(self.path, folder / "console.sqlite3")))

    def rows(self, query: str) -> list[Row]:
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            return connection.execute(query).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[], None]]:
        """Copy the database now; yields a function that puts the copy in its place."""
        copy = self.path.with_suffix(".snapshot")
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as kept:
            source.backup(kept)

        def put_back() -> None:
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            copy.replace(self.path)

        yield put_back

    def set_open(self, *, is_open: bool) -> None:
        """Do nothing: a file cannot be closed to others."""

    def remove(self) -> None:
        """Do nothing: the file is removed with its folder."""


class PostgresDatabase:
    """A database in the server under test; a new one uses the migrated one as its template."""

    def __init__(self, server_url: str, template: str = "template0") -> None:
        self.name = f"console_{uuid4().hex[:12]}"
        self._server = server_url
        self._execute(f"CREATE DATABASE {self.name} TEMPLATE {template} ENCODING 'UTF8'")
        self.url = urlunsplit(urlsplit(server_url)._replace(path=f"/{self.name}"))

    def copy_to(self, folder: Path) -> "PostgresDatabase":
        return PostgresDatabase(self._server, self.name)

    def rows(self, query: str) -> list[Row]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[], None]]:
        """Copy the database now; yields a function that puts the copy in its place."""
        copy = f"{self.name}_copy"
        self._execute(f"CREATE DATABASE {copy} TEMPLATE {self.name}")

        def put_back() -> None:
            self.remove()
            self._execute(f"CREATE DATABASE {self.name} TEMPLATE {copy}")

        try:
            yield put_back
        finally:
            self._execute(f"DROP DATABASE {copy} WITH (FORCE)")

    def set_open(self, *, is_open: bool) -> None:
        """Allow connections, or refuse new ones and cut those that exist."""
        self._execute(f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS {is_open}")
        if not is_open:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(CUT, [self.name])

    def remove(self) -> None:
        self._execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def empty_database(folder: Path) -> Iterator[SqliteDatabase | PostgresDatabase]:
    """Create a database without tables, of the kind that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith(("postgres://", "postgresql://")):
        yield SqliteDatabase(folder / "template.sqlite3")
        return
    database = PostgresDatabase(url)
    try:
        yield database
    finally:
        database.remove()
