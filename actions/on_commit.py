"""After commit: "there is work" for the workers, "this changed" for open pages.

Both are hints: the rows are the truth. A hint that cannot be given is logged and never raised to
the person who submitted, because beat repeats the first and pages poll for the second.
"""

import json
import logging
import time
from collections.abc import Callable
from functools import cache

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

CHANGES = "console:changes"
"""The Redis channel that carries the names of what changed."""

DISPATCH, AUDIT = "actions.dispatch", "actions.audit"
"""Names of the Celery tasks, because nothing below `tasks` imports it."""

AWAY_SECONDS = 3.0
"""How long Redis is left alone after it failed to answer."""


@cache
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )


def hint_work() -> None:
    """Ask a worker to look at the table now; returns whatever becomes of the message."""
    _send(DISPATCH)


def _send(task: str) -> None:
    _redis_state.give(
        lambda: current_app.send_task(task, expires=30, ignore_result=True, retry=False)
    )


def audit_waits() -> None:
    """Ask, once the current transaction is committed, for a worker to look at the audit's jobs."""
    transaction.on_commit(lambda: _send(AUDIT))


def work_waits() -> None:
    """Give the hint once the current transaction is committed."""
    transaction.on_commit(hint_work)


def changed(topic: str, version: int) -> None:
    """Tell open pages, once the current transaction is committed, that `topic` has changed."""
    transaction.on_commit(lambda: _publish(topic, version))


def _publish(topic: str, version: int) -> None:
    _redis_state.give(
        lambda: _redis().publish(CHANGES, json.dumps({"topic": topic, "version": version}))
    )


class _RedisState:
    """Whether Redis answered the last time, so that nobody waits for a dead one again and again."""

    def __init__(self) -> None:
        self._away_until = 0.0
        self._told = False

    def give(self, hint: Callable[[], object]) -> None:
        """Give a hint, unless Redis failed to answer a moment ago; never raises."""
        if time.monotonic() < self._away_until:
            return
        try:
            hint()
        except Exception as error:  # noqa: BLE001  # Whatever it is: a hint may be lost.
            self._away_until = time.monotonic() + AWAY_SECONDS
            if not self._told:
                log.warning("Redis does not answer, hints are lost: %s", type(error).__name__)
            self._told = True
        else:
            self._told = False


_redis_state = _RedisState()
