"""Start the Celery tasks at fixed intervals, by the machine's monotonic clock.

Celery's own scheduler plans by the wall clock: after that is set back, it starts nothing until the
clock has caught up. Any number of tickers may run, because a task that is started twice finds
nothing more to do. While Redis does not answer, the ticker runs the short tasks itself, so that
sending goes on.
"""

import logging
import time
from collections.abc import Callable

import redis
from celery import current_app
from django.conf import settings
from django.db import close_old_connections
from redis.backoff import NoBackoff
from redis.retry import Retry

from actions.audit import maintenance, settings_changes
from actions.dispatch import dispatcher, heartbeats, sweeper
from actions.inventory import sync

log = logging.getLogger(__name__)

SECONDS = {
    "actions.dispatch": 2.0,
    "actions.audit_maintenance": 5.0,
    "actions.sweep": 15.0,
    "actions.keep_inventory": 30.0,
    "actions.audit": 30.0,
    "actions.audit_settings": 60.0,
    "actions.retention": 3600.0,
}
"""Seconds between two starts of each task."""

QUEUE = "celery"
"""Celery's default queue, a list in Redis."""

MAX_WAITING = 50
"""Messages in the queue above which no more are added, because no worker takes them."""

TRY_REDIS_AFTER = 5.0
"""Seconds for which Redis is not asked again after it failed to answer."""


BEAT_SECONDS = 10.0
"""Seconds between two signs of life of a ticker."""


class Ticker:
    """Starts what is due; `leave` tells a task that this process runs itself to end early."""

    def __init__(self, leave: Callable[[], bool]) -> None:
        self._leave = leave
        self._due = dict.fromkeys(SECONDS, time.monotonic())
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._try_redis_at = self._beat_at = 0.0
        self._problem = ""
        self._own: dict[str, Callable[[], object]] = {
            "actions.dispatch": lambda: dispatcher.dispatch(leave=leave),
            "actions.audit_maintenance": maintenance.run,
            "actions.audit_settings": settings_changes.record_changes,
            "actions.sweep": sweeper.sweep,
            "actions.keep_inventory": sync.start_due,
        }

    def run(self) -> None:
        """Start tasks until `leave` returns True."""
        while not self._leave():
            self.step()
            time.sleep(max(0.0, min(0.5, min(self._due.values()) - time.monotonic())))

    def step(self) -> None:
        """Start each task that is due."""
        for task, at in self._due.items():
            if time.monotonic() >= at and not self._leave():
                self._due[task] = time.monotonic() + SECONDS[task]
                self._start(task)

    def _start(self, task: str) -> None:
        try:
            if not self._send(task) and task in self._own:
                self._own[task]()
            self._beat()
        except Exception:
            log.exception("%s failed", task)
        finally:
            close_old_connections()

    def _beat(self) -> None:
        """Write a sign of life, each BEAT_SECONDS."""
        if time.monotonic() >= self._beat_at:
            heartbeats.beat_of_ticker(self._problem)
            self._beat_at = time.monotonic() + BEAT_SECONDS

    def _send(self, task: str) -> bool:
        """Send the task's message; return False if Redis does not answer."""
        if time.monotonic() < self._try_redis_at:
            return False
        try:
            # It has no time of expiry, because that would depend on the wall clock.
            if self._redis.llen(QUEUE) < MAX_WAITING:
                current_app.send_task(task, ignore_result=True, retry=False)
        except Exception as error:  # noqa: BLE001  # Whatever it is, the work must go on.
            self._note(f"Redis does not answer ({type(error).__name__}).")
            self._try_redis_at = time.monotonic() + TRY_REDIS_AFTER
            return False
        self._note("")
        return True

    def _note(self, problem: str) -> None:
        """Log a new problem or its end, and tell it with the next sign of life."""
        if problem != self._problem:
            log.warning("%s", problem or "Redis answers again.")
            self._problem, self._beat_at = problem, 0.0
