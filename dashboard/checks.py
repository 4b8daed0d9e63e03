"""Checks of stored users, run with `manage.py check --database default` and by `migrate`."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from dashboard.models import User
from dashboard.names import TWIN_MARK


@register(Tags.database)
def check_names(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report users whose name is another spelling of an older user's."""
    if not databases:
        return []
    try:
        twins = list(User.objects.filter(name_key__contains=TWIN_MARK).order_by("username"))
    except DatabaseError:  # Before the first migration.
        return []
    return [
        checks.Warning(
            f"The user {twin.username!r} has the same name as an older user, in another spelling.",
            hint="Both sign in with the exact spelling. Add a user with another name instead.",
            id="dashboard.W001",
        )
        for twin in twins
    ]
