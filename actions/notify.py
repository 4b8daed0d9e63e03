"""After commit: "there is work" for the workers, "this changed" for open pages.

Both are hints: the rows are the truth. A hint that cannot be given is logged and never raised to
the person who submitted, because beat repeats the first and pages poll for the second.
"""

import json
import logging
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

PUMP = "actions.pump"
"""The task by its name: services never import tasks."""


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
    try:
        current_app.send_task(PUMP, expires=30, ignore_result=True, retry=False)
    except Exception as error:  # noqa: BLE001  # Any broker trouble: beat repeats the hint.
        log.warning("The hint that there is work was not delivered: %s", type(error).__name__)


def work_waits() -> None:
    """Give the hint once the current transaction is committed."""
    transaction.on_commit(hint_work)


def changed(topic: str, version: int) -> None:
    """Tell open pages, once the current transaction is committed, that `topic` has changed."""
    transaction.on_commit(lambda: _publish(topic, version))


def _publish(topic: str, version: int) -> None:
    try:
        _redis().publish(CHANGES, json.dumps({"topic": topic, "version": version}))
    except redis.RedisError as error:
        log.warning("Open pages were not told of %s: %s", topic, type(error).__name__)
