"""What the tables hold: a count and a digest of each, comparable over the change of names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.upgrade import names
from tests.upgrade.databases import Database, Table

KEPT_BY_DJANGO = {"django_migrations", "django_content_type", "auth_permission"}
"""Tables that `migrate` itself writes: they name the models of the version."""

NAMED_BY_DJANGO = re.compile(r"^sqlite_autoindex_|_pkey\d*$|_[0-9a-f]{8}(_|$)|_key\d*$")
"""Indexes with a name that Django or the database makes of table and column."""


@dataclass(frozen=True, slots=True)
class Content:
    """One table's rows under its old names."""

    table: Table
    count: int
    digest: str


def read(database: Database) -> dict[str, Content]:
    """Return the content of each table."""
    found = {}
    for name, table in database.tables().items():
        if name not in KEPT_BY_DJANGO:
            kept = _kept(name, table)
            order = _order(table, kept)
            query = _query(name, {column: f'"{column}"' for column in kept}, order)
            found[name] = Content(table, _count(database, name), database.digest(query))
    return found


def differences(database: Database, before: Mapping[str, Content]) -> Iterator[str]:
    """Yield in words what is not as it was before, apart from names and added columns."""
    tables = database.tables()
    for old, content in before.items():
        new = names.new_table(old, tables)
        if new not in tables:
            yield f"The table {old} is gone."
            continue
        columns = tables[new].columns
        kept = _kept(old, content.table)
        today = {name: names.new_column(old, name, columns) for name in kept}
        if gone := [name for name in today.values() if name not in columns]:
            yield f"The columns of {old} are gone: {', '.join(gone)}."
            continue
        if (count := _count(database, new)) != content.count:
            yield f"{new} has {count:,} rows; {old} had {content.count:,}."
            continue
        read_as = {
            name: _old_values(column, names.new_values(old, name, columns))
            for name, column in today.items()
        }
        keys = tuple(today[name] for name in _order(content.table, kept))
        if database.digest(_query(new, read_as, keys)) != content.digest:
            yield f"{new} does not hold what {old} held."


def empty_columns(database: Database, content: Mapping[str, Content]) -> list[str]:
    """Return the engine's columns that hold nothing in any row: their loss would not show."""
    found = []
    for name, each in content.items():
        for column in each.table.columns if name.startswith("actions_") else ():
            text = f'CAST("{column}" AS text)'
            holds = f"{text} NOT IN ('', '0', 'false', '{{}}', '[]')"
            if not database.rows(f"SELECT 1 FROM {name} WHERE {holds} LIMIT 1"):  # noqa: S608
                found.append(f"{name}.{column}")
    return found


def names_ahead(database: Database) -> list[str]:
    """Return the new names that the database does not have yet."""
    tables = database.tables()
    ahead = [new for new in names.TABLES.values() if new not in tables]
    for old, columns in names.COLUMNS.items():
        table = names.new_table(old, tables)
        ahead += [f"{table}.{new}" for new in columns.values() if new not in tables[table].columns]
    return ahead


def lost_indexes(database: Database, before: set[str]) -> list[str]:
    """Return the indexes and triggers that were there before and are missing now."""
    now = database.indexes_and_triggers()
    expected = {
        names.INDEXES[name] if names.INDEXES.get(name) in now else name
        for name in before
        if not NAMED_BY_DJANGO.search(name)
    }
    return sorted(expected - now)


def lowered_counters(database: Database, before: Mapping[str, int]) -> list[str]:
    """Return the tables that would give a key again, which a removed row once had."""
    now = database.counters()
    return [name for name, last in before.items() if now.get(names.new_table(name, now), 0) < last]


def _kept(name: str, table: Table) -> list[str]:
    """Return the columns whose content an upgrade keeps."""
    return [column for column in table.columns if column not in names.DERIVED.get(name, ())]


def _order(table: Table, kept: list[str]) -> tuple[str, ...]:
    """Return the columns that order the rows: the key, or all columns if the key is made anew."""
    return table.keys if set(table.keys) <= set(kept) else tuple(kept)


def _query(table: str, columns: Mapping[str, str], keys: tuple[str, ...]) -> str:
    order = ", ".join(f'"{name}"' for name in keys)
    return f"SELECT {', '.join(columns.values())} FROM {table} ORDER BY {order}"  # noqa: S608


def _count(database: Database, table: str) -> int:
    return int(database.rows(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608


def _old_values(column: str, renamed: Mapping[str, str]) -> str:
    """Return SQL that reads a column with its old values; one that was not renamed stands out."""
    quoted = f'"{column}"'
    if not renamed:
        return quoted
    if all(value.isdecimal() for pair in renamed.items() for value in pair):
        cases = [f"WHEN {new} THEN {old} WHEN {old} THEN -1" for old, new in renamed.items()]
    else:
        cases = [f"WHEN '{new}' THEN '{old}' WHEN '{old}' THEN '?'" for old, new in renamed.items()]
    return f"CASE {quoted} {' '.join(cases)} ELSE {quoted} END"
