"""Changes made in the database, past the console, and the findings of a check."""

from typing import Any

from django.db import connection

from actions.audit.verify import verify
from actions.trail import guards

EVENT, NAMED = "actions_auditevent", "actions_auditdevice"


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def tamper(*statements: str) -> None:
    """Change the tables without their triggers, as the owner of the database can."""
    with guards.triggers_suspended(connection):
        for statement in statements:
            sql(statement)


def found(*files: Any) -> list[str]:
    return [f"{each.what} {each.place}" for each in verify(files).findings]
