"""How old what was read of a device may be."""

from datetime import timedelta

from django.conf import settings


def fresh_for() -> timedelta:
    """For how long what was read of a device is good enough to judge by."""
    return timedelta(hours=settings.INVENTORY_FRESH_HOURS)
