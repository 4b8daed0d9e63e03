"""What the database itself does for the trail: refuse changes, and find words in it.

Triggers refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE. On SQLite one more refuses INSERT OR
REPLACE, which takes a row away without a DELETE. Words are found by trigrams: FTS5 on SQLite,
pg_trgm on PostgreSQL; where a database has neither, a search reads all lines.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("actions_auditevent", "actions_auditdevice")
WORDS = "actions_auditwords"

_REFUSAL = "The audit trail is append-only."


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; those that are there stay."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION actions_audit_refuse() RETURNS trigger LANGUAGE "
                f"plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
            )
        for statement in [text for _, text in _triggers(connection.vendor)]:
            cursor.execute(statement)


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: only for an archive, or where a test empties its database."""
    with connection.cursor() as cursor:
        for table in TABLES:
            for name in trigger_names(connection.vendor, table):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


@contextmanager
def triggers_suspended(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the triggers, in one transaction: nobody else ever sees the tables unguarded."""
    with transaction.atomic(using=connection.alias):
        drop_triggers(connection)
        yield
        create_triggers(connection)


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that should be there and are not, or are switched off."""
    wanted = {name for table in TABLES for name in trigger_names(connection.vendor, table)}
    query = (
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'audit%%' AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return sorted(wanted - {name for (name,) in cursor.fetchall()})


def trigger_names(vendor: str, table: str) -> list[str]:
    """What the triggers of a table are called."""
    last = "truncate" if vendor == "postgresql" else "replace"
    return [f"{table[8:]}_no_{deed}" for deed in ("update", "delete", last)]


def _triggers(vendor: str) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        for name in trigger_names(vendor, table):
            deed = name.rsplit("_", 1)[1].upper()
            if vendor == "postgresql":
                yield (
                    name,
                    (
                        f"CREATE OR REPLACE TRIGGER {name} BEFORE {deed} ON {table} "
                        "FOR EACH STATEMENT EXECUTE FUNCTION actions_audit_refuse()"
                    ),
                )
                continue
            when = f" WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608
            replaces = deed == "REPLACE"
            yield (
                name,
                (
                    f"CREATE TRIGGER IF NOT EXISTS {name} "
                    f"BEFORE {'INSERT' if replaces else deed} ON {table}{when if replaces else ''} "
                    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                ),
            )


def make_words(connection: BaseDatabaseWrapper) -> None:
    """Make the index of words, where the database has trigrams."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {WORDS} ON actions_auditevent "
                    "USING gin (search_text gin_trgm_ops)"
                )
                return
            cursor.execute(
                f"CREATE VIRTUAL TABLE {WORDS} USING "
                "fts5(words, content='', detail='none', tokenize='trigram')"
            )
            cursor.execute(
                "CREATE TRIGGER auditevent_words AFTER INSERT ON actions_auditevent BEGIN "  # noqa: S608
                f"INSERT INTO {WORDS} (rowid, words) "
                "VALUES (NEW.id, NEW.search_text); END"
            )
            cursor.execute(
                f"INSERT INTO {WORDS} (rowid, words) SELECT id, search_text "  # noqa: S608
                "FROM actions_auditevent"
            )
    except DatabaseError:
        return


def drop_words(connection: BaseDatabaseWrapper) -> None:
    """Take the index of words away."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP INDEX IF EXISTS {WORDS}")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS auditevent_words")
            cursor.execute(f"DROP TABLE IF EXISTS {WORDS}")


def empty_words(connection: BaseDatabaseWrapper) -> None:
    """Forget all words: for a test that has emptied the trail."""
    if connection.vendor == "sqlite" and has_words(connection):
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {WORDS} ({WORDS}) VALUES ('delete-all')")  # noqa: S608


def has_words(connection: BaseDatabaseWrapper) -> bool:
    """Whether SQLite has the index of words."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = %s", [WORDS])
        return cursor.fetchone() is not None
