"""The installation's database, read and changed past all code of the project."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

CHUNK = 1000

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns in their order, and those of its primary key."""

    columns: tuple[str, ...]
    keys: tuple[str, ...]


class Database(Protocol):
    """What the proof asks of a database."""

    vendor: str

    def tables(self) -> dict[str, Table]:
        """Return the tables of data, without those of a full-text index."""

    def indexes_and_triggers(self) -> set[str]:
        """Return the names of all of them."""

    def counters(self) -> dict[str, int]:
        """Return the last key that was given in each table that counts its keys."""

    def rows(self, query: str) -> list[Row]:
        """Return the answer to a query."""

    def digest(self, query: str) -> str:
        """Return a digest of all rows of a query, in their order."""

    def refusal(self, statement: str) -> str:
        """Return the error that a statement ends with, "" without one; nothing is kept."""

    def flaws(self) -> list[str]:
        """Return what the database's own check of its content finds."""


class Sqlite:
    """A file."""

    vendor = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def tables(self) -> dict[str, Table]:
        names = self.rows("SELECT name FROM pragma_table_list WHERE type = 'table' ORDER BY name")
        return {name: self._table(name) for (name,) in names if not name.startswith("sqlite_")}

    def _table(self, name: str) -> Table:
        found = self.rows(f"SELECT name, pk FROM pragma_table_info('{name}') ORDER BY cid")  # noqa: S608
        keys = sorted((place, column) for column, place in found if place)
        return Table(tuple(name for name, _ in found), tuple(column for _, column in keys))

    def indexes_and_triggers(self) -> set[str]:
        kinds = "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')"
        return {name for (name,) in self.rows(kinds)}

    def counters(self) -> dict[str, int]:
        return dict(self.rows("SELECT name, seq FROM sqlite_sequence"))

    def rows(self, query: str) -> list[Row]:
        with self._connected() as connection:
            return connection.execute(query).fetchall()

    def digest(self, query: str) -> str:
        found = hashlib.sha256()
        with self._connected() as connection:
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(CHUNK):
                found.update(repr(rows).encode())
        return found.hexdigest()

    def refusal(self, statement: str) -> str:
        with self._connected() as connection:
            try:
                connection.execute(statement)
            except sqlite3.Error as error:
                return str(error)
            finally:
                connection.rollback()
        return ""

    def flaws(self) -> list[str]:
        found = [str(row) for row in self.rows("PRAGMA integrity_check") if row != ("ok",)]
        found += [f"foreign key: {row}" for row in self.rows("PRAGMA foreign_key_check")]
        check = "INSERT INTO actions_device_search(actions_device_search, rank) "
        flaw = self.refusal(check + "VALUES ('integrity-check', 1)")
        return [*found, f"device search: {flaw}"] if flaw else found

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=20)) as connection:
            yield connection


class Postgres:
    """A database of a server."""

    vendor = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url

    def tables(self) -> dict[str, Table]:
        columns: dict[str, list[str]] = {}
        for table, column in self.rows(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        ):
            columns.setdefault(table, []).append(column)
        keys: dict[str, list[str]] = {name: [] for name in columns}
        for table, column in self.rows(
            "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) "
            "WHERE i.indisprimary ORDER BY c.relname, a.attnum"
        ):
            if table in keys:
                keys[table].append(column)
        return {name: Table(tuple(columns[name]), tuple(keys[name])) for name in columns}

    def indexes_and_triggers(self) -> set[str]:
        return {
            name
            for (name,) in self.rows(
                "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' "
                "UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            )
        }

    def counters(self) -> dict[str, int]:
        return dict(
            self.rows(
                "SELECT t.relname, COALESCE(s.last_value, 0) FROM pg_sequences s "
                "JOIN pg_class c ON c.relname = s.sequencename AND c.relkind = 'S' "
                "JOIN pg_depend d ON d.objid = c.oid AND d.deptype IN ('a', 'i') "
                "JOIN pg_class t ON t.oid = d.refobjid WHERE s.schemaname = 'public'"
            )
        )

    def rows(self, query: str) -> list[Row]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def digest(self, query: str) -> str:
        found = hashlib.sha256()
        copy = sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(query))
        with psycopg.connect(self._url) as connection, connection.cursor().copy(copy) as rows:
            for row in rows:
                found.update(row)
        return found.hexdigest()

    def refusal(self, statement: str) -> str:
        with psycopg.connect(self._url) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                return str(error)
            finally:
                connection.rollback()
        return ""

    def flaws(self) -> list[str]:
        broken = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        return [f"not valid: {name}" for (name,) in self.rows(f"{broken} UNION {invalid}")]
