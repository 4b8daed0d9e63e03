"""The triggers of the trail: no statement may change or remove a line."""

from collections.abc import Iterator

from tests.upgrade.databases import Database

TABLES = {"actions_auditevent": "actor = 'x'", "actions_auditdevice": "status = 'x'"}
"""Each table of the trail with a change that must be refused."""

REFUSAL = "append-only"


def statements(vendor: str) -> Iterator[str]:
    """Yield statements that change or remove lines."""
    for table, change in TABLES.items():
        yield f"UPDATE {table} SET {change}"  # noqa: S608
        yield f"DELETE FROM {table}"  # noqa: S608
        if vendor == "sqlite":
            last = f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1"  # noqa: S608
            yield f"INSERT OR REPLACE INTO {table} {last}"
    if vendor == "postgresql":
        yield f"TRUNCATE {', '.join(TABLES)}"
        yield "TRUNCATE actions_auditdevice"


def taken(database: Database) -> list[str]:
    """Return the statements that were not refused by the triggers."""
    return [
        f"{statement}: {said or 'it was taken'}"
        for statement in statements(database.vendor)
        if REFUSAL not in (said := database.refusal(statement))
    ]
