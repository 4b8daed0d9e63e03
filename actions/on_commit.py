"""After commit: wake the workers and publish changes to open pages.

Both messages are hints; the database is the source of truth. A hint that cannot be sent is logged
and never raised to the person who submitted, because the ticker repeats the first kind and pages
poll for the second.
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
"""Names of the Celery tasks: no module below `tasks` may import it."""

REDIS_PAUSE_SECONDS = 3.0
"""How long no hint is sent after Redis failed to answer."""


@cache
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )


def wake_dispatcher_now() -> None:
    """Ask a worker to run the dispatcher, without waiting for a commit; never raises."""
    _send_task(DISPATCH)


def wake_dispatcher() -> None:
    """Ask a worker to run the dispatcher once the current transaction is committed."""
    transaction.on_commit(wake_dispatcher_now)


def wake_audit_worker() -> None:
    """Ask a worker to run the audit jobs once the current transaction is committed."""
    transaction.on_commit(lambda: _send_task(AUDIT))


def publish_change(topic: str, version: int) -> None:
    """Tell open pages that `topic` has changed, once the current transaction is committed."""
    transaction.on_commit(lambda: _publish(topic, version))


def _send_task(task: str) -> None:
    _redis_state.send(lambda: current_app.send_task(task, ignore_result=True, retry=False))


def _publish(topic: str, version: int) -> None:
    _redis_state.send(
        lambda: _redis().publish(CHANGES, json.dumps({"topic": topic, "version": version}))
    )


class _RedisState:
    """Whether Redis answered the last hint; after a failure, hints are skipped for a while.

    Otherwise every request would wait for the timeout of a Redis that is down.
    """

    def __init__(self) -> None:
        self._paused_until = 0.0
        self._failure_logged = False

    def send(self, hint: Callable[[], object]) -> None:
        """Send a hint, unless Redis failed to answer a moment ago; never raises."""
        if time.monotonic() < self._paused_until:
            return
        try:
            hint()
        except Exception as error:  # noqa: BLE001  # A hint may be lost, whatever the error is.
            self._paused_until = time.monotonic() + REDIS_PAUSE_SECONDS
            if not self._failure_logged:
                log.warning("Redis does not answer, hints are lost: %s", type(error).__name__)
            self._failure_logged = True
        else:
            self._failure_logged = False


_redis_state = _RedisState()
