"""Maximum age of device data."""

from datetime import timedelta

from django.conf import settings


def fresh_for() -> timedelta:
    """Return the age up to which the data of a device is good enough to decide by."""
    return timedelta(hours=settings.INVENTORY_FRESH_HOURS)
