"""Long work in the database: PostgreSQL ends each other statement after a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def allowed() -> Iterator[None]:
    """Let the statements of this process take as long as they need while the block runs."""
    lift(connection)
    try:
        yield
    finally:
        if connection.vendor == "postgresql" and not connection.in_atomic_block:
            connection.close()  # The next one has the limits of the settings again.


def lift(on: BaseDatabaseWrapper) -> None:
    """Take the limits of statements and idle transactions off this connection."""
    if on.vendor == "postgresql":
        with on.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
