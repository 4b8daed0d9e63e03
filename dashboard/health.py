"""Whether the console can serve pages, and whether its background processes work.

The answer is kept for a second, because anybody may ask. Only what keeps pages from being served
makes it fail: without Redis or a worker, a load balancer must not take all web servers away.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from actions.action_requests import selectors as action_requests
from actions.dispatch import selectors as dispatch

KEEP_SECONDS = 1.0
LATE_SECONDS = 60.0
"""Seconds without a sign of life, or with a command that waits, that count as trouble."""

MIN_FREE = 0.05
MIN_FREE_BYTES = 500 * 2**20
"""Free disk space below both of these counts as trouble: a share, and bytes."""

CLOCK_SECONDS = 5.0
"""Seconds by which the clocks of this machine and of the database may differ."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, whether it passed, why not, and whether pages need it."""

    name: str
    passed: bool
    reason: str = ""
    needed: bool = False


def checks() -> list[Check]:
    """Return all checks, at most KEEP_SECONDS old."""
    with _lock:
        if not _kept or time.monotonic() - _kept[0][0] > KEEP_SECONDS:
            _kept[:] = [(time.monotonic(), list(_run()))]
        return _kept[0][1]


_lock = threading.Lock()
_kept: list[tuple[float, list[Check]]] = []


def _run() -> Iterator[Check]:
    try:
        at = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        yield Check("database", passed=True, needed=True)
        yield _migrations()
        yield _check("worker", lambda: _seen(dispatch.worker_seen(LATE_SECONDS), "worker"))
        yield _check("ticker", lambda: _seen(dispatch.ticker_seen(LATE_SECONDS), "ticker"))
        yield _check("queue", _queue)
        yield _check("clock", lambda: _clock(at))
    except DatabaseError as error:
        close_old_connections()
        reason = f"The database does not answer ({type(error).__name__})."
        yield Check("database", passed=False, reason=reason, needed=True)
    yield _check("redis", redis_problem)
    yield _check("disk", _disk)


def _check(name: str, find_problem: Callable[[], str]) -> Check:
    problem = find_problem()
    return Check(name, passed=not problem, reason=problem)


def _migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    reason = f"{len(missing)} migrations are missing: run manage.py migrate." if missing else ""
    return Check("migrations", passed=not missing, reason=reason, needed=True)


def _seen(seen: bool, what: str) -> str:
    return "" if seen else f"No {what} has been active for {LATE_SECONDS:.0f} s."


def _queue() -> str:
    waits = action_requests.oldest_waiting_seconds()
    return f"A command has been due for {waits:.0f} s." if waits > LATE_SECONDS else ""


def _clock(at: datetime) -> str:
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        differs = abs((cursor.fetchone()[0] - at).total_seconds())
    if differs <= CLOCK_SECONDS:
        return ""
    return f"The clocks of this machine and of the database differ by {differs:.0f} s."


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )


def redis_problem() -> str:
    """Return why Redis cannot be used, or an empty text."""
    try:
        _client().ping()
    except redis.RedisError as error:
        return f"Redis does not answer ({type(error).__name__})."
    return ""


def _disk() -> str:
    usage = shutil.disk_usage(settings.DATA_DIR)
    if usage.free >= MIN_FREE_BYTES or usage.free >= MIN_FREE * usage.total:
        return ""
    return f"{usage.free // 2**20} MB are free where DATA_DIR lies."
