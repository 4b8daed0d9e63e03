"""The vendor's rate limit as configured: calls, length of the window, and the lease of a call."""

from datetime import timedelta

from django.conf import settings


def limit(stated: int | None = None) -> int:
    """Return the calls in one window that this console may make: the limit less ENGINE_RESERVE.

    `stated` is the limit that the vendor has told; the lower one counts.
    """
    calls = min(int(settings.OPSWAT_RATE_LIMIT[0]), stated or int(settings.OPSWAT_RATE_LIMIT[0]))
    return max(1, calls - int(settings.ENGINE_RESERVE))


def length() -> timedelta:
    """Return the length of the vendor's window."""
    return timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])


def lease() -> timedelta:
    """Return how long a call may stay open; longer than the hard limit of its Celery task."""
    connect, read = settings.OPSWAT_TIMEOUT
    grace = settings.ENGINE_GRACE_SECONDS
    return timedelta(seconds=settings.ENGINE_RUN_SECONDS + connect + read + 2 * grace)
