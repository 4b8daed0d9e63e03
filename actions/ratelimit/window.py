"""The vendor's rate limit as configured: calls, length of the window, and the lease of a call."""

from datetime import timedelta

from django.conf import settings


def limit() -> int:
    """Calls that the vendor allows in one window, less those reserved for others."""
    return int(settings.OPSWAT_RATE_LIMIT[0]) - int(settings.ENGINE_RESERVE)


def length() -> timedelta:
    """The vendor's window."""
    return timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])


def lease() -> timedelta:
    """How long a call may stay open; longer than the hard limit of the task that makes it."""
    connect, read = settings.OPSWAT_TIMEOUT
    grace = settings.ENGINE_GRACE_SECONDS
    return timedelta(seconds=settings.ENGINE_RUN_SECONDS + connect + read + 2 * grace)
