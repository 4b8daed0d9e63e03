"""The triggers that make the trail append-only, and the trigram index of its search text.

Triggers refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE. On SQLite, one more trigger refuses
INSERT OR REPLACE, which removes a row without a DELETE. The search uses trigrams: FTS5 on SQLite,
pg_trgm on PostgreSQL. Without either, a search reads all lines.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import errors

TABLES = ("actions_auditevent", "actions_auditdevice")
SEARCH_INDEX = "actions_auditwords"

LOCK_WAIT = "500ms"
"""How long an archive waits for the tables of the trail while writers wait for it."""

_REFUSAL = "The audit trail is append-only."


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that do not exist yet."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION actions_audit_refuse() RETURNS trigger LANGUAGE "
                f"plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
            )
        for statement in [text for _, text in _triggers(connection.vendor)]:
            cursor.execute(statement)


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers: only for an archive, or where a test empties its database."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in trigger_names(connection.vendor, table):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


@contextmanager
def triggers_suspended(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Run a block without the triggers, in one transaction: others always see the triggers.

    PostgreSQL disables them, because dropping them would make all readers of the trail wait.
    """
    with transaction.atomic(using=connection.alias):
        if connection.vendor != "postgresql":
            drop_triggers(connection)
            yield
            create_triggers(connection)
            return
        _switch_triggers(connection, "DISABLE")
        yield
        _switch_triggers(connection, "ENABLE")


def limit_lock_wait(connection: BaseDatabaseWrapper) -> None:
    """Wait for locks at most LOCK_WAIT in this transaction; a vacuum holds a table for long."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")


def is_lock_timeout(error: DatabaseError) -> bool:
    """Return whether a statement ended because others held what it needs."""
    return isinstance(error.__cause__, errors.LockNotAvailable)


def _switch_triggers(connection: BaseDatabaseWrapper, word: str) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in trigger_names(connection.vendor, table):
                cursor.execute(f"ALTER TABLE {table} {word} TRIGGER {name}")


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of triggers that are missing or disabled."""
    expected = {name for table in TABLES for name in trigger_names(connection.vendor, table)}
    query = (
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'audit%%' AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return sorted(expected - {name for (name,) in cursor.fetchall()})


def trigger_names(vendor: str, table: str) -> list[str]:
    """Return the names of the triggers of a table."""
    last = "truncate" if vendor == "postgresql" else "replace"
    return [f"{table[8:]}_no_{operation}" for operation in ("update", "delete", last)]


def _triggers(vendor: str) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        for name in trigger_names(vendor, table):
            operation = name.rsplit("_", 1)[1].upper()
            if vendor == "postgresql":
                yield (
                    name,
                    (
                        f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table} "
                        "FOR EACH STATEMENT EXECUTE FUNCTION actions_audit_refuse()"
                    ),
                )
                continue
            event, when = operation, ""
            if operation == "REPLACE":
                event = "INSERT"
                when = f" WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
            yield (
                name,
                (
                    f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON {table}{when} "
                    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                ),
            )


def create_search_index(connection: BaseDatabaseWrapper) -> None:
    """Create the trigram index of the search text, if the database has trigrams."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {SEARCH_INDEX} ON actions_auditevent "
                    "USING gin (search_text gin_trgm_ops)"
                )
                return
            cursor.execute(
                f"CREATE VIRTUAL TABLE {SEARCH_INDEX} USING "
                "fts5(words, content='', detail='none', tokenize='trigram')"
            )
            cursor.execute(
                "CREATE TRIGGER auditevent_words AFTER INSERT ON actions_auditevent BEGIN "  # noqa: S608
                f"INSERT INTO {SEARCH_INDEX} (rowid, words) "
                "VALUES (NEW.id, NEW.search_text); END"
            )
            cursor.execute(
                f"INSERT INTO {SEARCH_INDEX} (rowid, words) SELECT id, search_text "  # noqa: S608
                "FROM actions_auditevent"
            )
    except DatabaseError:
        return


def drop_search_index(connection: BaseDatabaseWrapper) -> None:
    """Drop the trigram index."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX IF EXISTS {SEARCH_INDEX}")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS auditevent_words")
            cursor.execute(f"DROP TABLE IF EXISTS {SEARCH_INDEX}")


def forget_words(connection: BaseDatabaseWrapper, last: int) -> None:
    """Remove the lines up to this one from SQLite's trigram index, before they are deleted."""
    if connection.vendor == "sqlite" and has_search_index(connection):
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {SEARCH_INDEX} ({SEARCH_INDEX}, rowid, words) "  # noqa: S608
                "SELECT 'delete', id, search_text FROM actions_auditevent WHERE id <= %s",
                [last],
            )


def clear_search_index(connection: BaseDatabaseWrapper) -> None:
    """Empty the trigram index of SQLite, for a test that has emptied the trail."""
    if connection.vendor == "sqlite" and has_search_index(connection):
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {SEARCH_INDEX} ({SEARCH_INDEX}) VALUES ('delete-all')")  # noqa: S608


def has_search_index(connection: BaseDatabaseWrapper) -> bool:
    """Return whether SQLite has the trigram index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = %s", [SEARCH_INDEX])
        return cursor.fetchone() is not None
