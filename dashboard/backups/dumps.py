"""Copies the database to one file, and puts such a file in the place of the database."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg import conninfo, pq

from dashboard.backups.archive import BackupError, sync

PutBack = Callable[[], None]

IN_USE = "The database is in use. Stop the console on all hosts, and whatever else uses it."


def check_programs() -> None:
    """Check that pg_dump and pg_restore are there and fit the server; raises BackupError."""
    if connection.vendor != "postgresql":
        return
    connection.ensure_connection()
    server = connection.connection.info.server_version // 10000
    for program in ("pg_dump", "pg_restore"):
        text = _output(program, "--version")
        found = re.search(r"(\d+)", text)
        if not found or int(found[1]) < server:
            raise BackupError(
                f"{text.strip()} is older than the server, PostgreSQL {server}. Install the client "
                f"programs of PostgreSQL {server}, and put them first in PATH."
            )


def dump(path: Path) -> None:
    """Write the database as it is at one moment to a file, while others write to it."""
    path.touch(mode=0o600)
    if connection.vendor == "postgresql":
        _output("pg_dump", "--format=custom", f"--file={path}", f"--dbname={_address()}")
        return
    try:
        with (
            closing(sqlite3.connect(_sqlite_file())) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise BackupError(f"The database cannot be copied: {error}.") from None
    check(path)


def check(path: Path) -> None:
    """Check that a dump can be read; raises BackupError."""
    if connection.vendor == "postgresql":
        _output("pg_restore", "--list", str(path))
        return
    try:
        with closing(sqlite3.connect(path)) as database:
            [result] = database.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        result = str(error)
    if result != "ok":
        raise BackupError(f"The database in it is damaged: {result}.")


def load(dump: Path) -> tuple[str, PutBack]:
    """Put a dump in the place of the database.

    Returns where the former database is kept, and a function that puts it back. Raises BackupError;
    nothing was changed then.
    """
    # Unlike that of a restore that was killed a moment ago, whose former database is there.
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    if connection.vendor == "postgresql":
        return _load_postgres(dump, f"before_{stamp.lower()}")
    return _load_sqlite(dump, Path(f"{_sqlite_file()}.before-{stamp}"))


def folder() -> Path:
    """Return the folder in which a dump must lie before it is loaded."""
    return Path(settings.DATA_DIR) if connection.vendor == "postgresql" else _sqlite_file().parent


def _load_sqlite(dump: Path, former: Path) -> tuple[str, PutBack]:
    """Replace the file by one rename, after the write-ahead log was written into it."""
    present = _sqlite_file()
    connection.close()
    if present.exists():
        _settle(present, former)
        former.hardlink_to(present)
    dump.replace(present)
    sync(present.parent)

    def put_back() -> None:
        connection.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{present}{suffix}").unlink(missing_ok=True)
            if Path(f"{former}{suffix}").exists():
                Path(f"{former}{suffix}").replace(f"{present}{suffix}")
        if former.exists():
            former.replace(present)

    return str(former), put_back


def _settle(present: Path, former: Path) -> None:
    """Write the write-ahead log into the file, which needs that nobody else has it open."""
    try:
        with closing(sqlite3.connect(present, timeout=1)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise BackupError(IN_USE) from None
        # It is damaged, which may be why a backup is restored: it is kept as it is.
        for suffix in ("-wal", "-shm"):
            if Path(f"{present}{suffix}").exists():
                Path(f"{present}{suffix}").rename(f"{former}{suffix}")


def _load_postgres(dump: Path, former: str) -> tuple[str, PutBack]:
    """Rename the schema, and fill a new one; the extensions are those of the new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        if cursor.fetchone()[0]:
            raise BackupError(IN_USE)
    try:
        extensions = _extensions()
        _execute(
            f"ALTER SCHEMA public RENAME TO {former}",
            "CREATE SCHEMA public",
            *(f"ALTER EXTENSION {name} SET SCHEMA public" for name in extensions),
        )
    except DatabaseError as error:
        raise BackupError(f"The schema public cannot be renamed: {error}".strip()) from None

    def put_back() -> None:
        connection.close()
        _execute(
            *(f"ALTER EXTENSION {name} SET SCHEMA {former}" for name in extensions),
            "DROP SCHEMA public CASCADE",
            f"ALTER SCHEMA {former} RENAME TO public",
        )

    try:
        _output(
            *("pg_restore", "--no-owner", "--no-privileges", "--no-comments", "--exit-on-error"),
            *("--single-transaction", f"--dbname={_address()}", str(dump)),
        )
    except BaseException:
        put_back()
        raise
    return f"schema {former}", put_back


def _extensions() -> list[str]:
    """Return the names of the extensions in the schema, each quoted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(extname) FROM pg_extension"
            " WHERE extnamespace = 'public'::regnamespace"
        )
        return [name for (name,) in cursor.fetchall()]


def _execute(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()  # The programs of PostgreSQL use connections of their own.


def _sqlite_file() -> Path:
    return Path(settings.DATABASES["default"]["NAME"])


def _address() -> str:
    """Return the address of the database with all its options, but without the password."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = connection.get_connection_params()
    return conninfo.make_conninfo(
        **{name: value for name, value in given.items() if name in known - {"password"}}
    )


def _output(program: str, *arguments: str) -> str:
    """Run a program of PostgreSQL and return its output; the password goes by the environment."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not installed. Install the client programs of PostgreSQL.")
    env = dict(os.environ)
    if password := settings.DATABASES["default"].get("PASSWORD"):
        env["PGPASSWORD"] = password
    done = subprocess.run(  # noqa: S603  # A program of PostgreSQL with our own arguments.
        [found, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it failed"]
        raise BackupError(f"{program}: {lines[0]}")
    return done.stdout
