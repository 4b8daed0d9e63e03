"""Signs of life of the processes that work in the background."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from actions.dispatch.models import DispatcherHeartbeat
from actions.ratelimit import clock, limiter

KEEP = timedelta(days=1)

AHEAD = timedelta(seconds=60)
"""A heartbeat further in the future is from before the clock was set back: it does not count."""


def beat(*, idle: bool = False, problem: str = "") -> None:
    """Write the sign of life of a dispatcher; `idle`: it waits for the next slot or for work."""
    _write(limiter.worker_name(), DispatcherHeartbeat.WORKER, idle=idle, problem=problem)


def beat_of_ticker(problem: str) -> None:
    """Write the sign of life of a ticker, and what keeps it from its usual way of working."""
    _write(f"ticker {limiter.worker_name()}"[:100], DispatcherHeartbeat.TICKER, problem=problem)


def _write(name: str, part: str, **values: object) -> None:
    at = clock.now()
    defaults = {"part": part, "heartbeat_at": at, **values}
    DispatcherHeartbeat.objects.update_or_create(name=name, defaults=defaults)


def recent(
    at: datetime, seconds: float = 60.0, part: str = DispatcherHeartbeat.WORKER
) -> QuerySet[DispatcherHeartbeat]:
    """Return the signs of life of the last seconds."""
    return DispatcherHeartbeat.objects.filter(
        part=part, heartbeat_at__gt=at - timedelta(seconds=seconds), heartbeat_at__lte=at + AHEAD
    )


def delete_old() -> None:
    """Delete the signs of life of processes that ended long ago; the sweeper calls it."""
    at = clock.now()
    old = Q(heartbeat_at__lt=at - KEEP) | Q(heartbeat_at__gt=at + KEEP)
    DispatcherHeartbeat.objects.filter(old).delete()
