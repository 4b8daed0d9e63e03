"""Bounds of lists that people send in addresses and forms, checked before any work starts."""

from collections.abc import Sized

from actions.errors import Code, Refused

MAX_VALUES = 100
"""Values of one parameter, such as a filter."""

MAX_KEYS = 100_000
"""Devices that one form names by key."""


def check_count(field: str, values: Sized, limit: int, what: str = "values") -> None:
    """Raise Refused if there are more than `limit` values."""
    if len(values) > limit:
        raise Refused.because(
            field,
            Code.TOO_MANY_VALUES,
            "At most %(limit)s %(what)s can be given at once; these are %(count)s.",
            limit=f"{limit:,}",
            what=what,
            count=f"{len(values):,}",
        )
