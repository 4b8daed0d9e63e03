"""Run retention: each part in pieces, the archives of the trail, and one line that tells it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.audit import archive_files, jobs, retention
from actions.retention import pieces, space, storage
from actions.retention.models import RetentionCount, RetentionLease
from actions.retention.parts import (
    remove_calls,
    remove_gone_devices,
    remove_jobs,
    remove_reads,
    remove_requests,
)
from actions.retention.pieces import LeaseLost, Run
from actions.trail import trail
from actions.trail.verbs import Verb

log = logging.getLogger(__name__)

RUN_SECONDS = 900.0
"""Seconds after which a run ends between two pieces; the next one goes on."""

TIME_LIMIT = 1500
"""Seconds after which a run is killed; a piece, or the file of an archive, takes less."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that goes: the setting with its days, and what removes it."""

    name: str
    setting: str
    remove: Callable[[Run, datetime], None]


def _remove_archives(run: Run, before: datetime) -> None:
    run.piece("archives", before, lambda _: archive_files.delete_old(before))


def _archive_trail(run: Run, before: datetime) -> None:
    retention.archive(before, go_on=run.go_on)


PARTS = (
    Part("requests", "REQUESTS_KEEP_DAYS", remove_requests),
    Part("calls", "CALLS_KEEP_DAYS", remove_calls),
    Part("reads", "CALLS_KEEP_DAYS", remove_reads),
    Part("jobs", "AUDIT_JOBS_KEEP_DAYS", remove_jobs),
    Part("devices", "GONE_DEVICES_KEEP_DAYS", remove_gone_devices),
    Part("lines", "AUDIT_KEEP_DAYS", _archive_trail),
    Part("archives", "AUDIT_ARCHIVE_KEEP_DAYS", _remove_archives),
)
"""Calls after the requests that refer to them. 0 days keep everything."""


def run(seconds: float = RUN_SECONDS, leave: Callable[[], bool] = lambda: False) -> bool:
    """Remove what is older than its days; return False while another process does so."""
    with pieces.lease(seconds, leave) as own:
        if own is None:
            return False
        if problem := storage.clock_problem():
            problems = [problem]
        else:
            problems = [problem for part in PARTS if (problem := _attempt(part, own))]
        space.give_back(own)
        RetentionLease.objects.filter(pk=pieces.ROW_ID).update(problem=" ".join(problems)[:300])
        jobs.delete_expired()
        tell()
        storage.note_day()
    return True


def _attempt(part: Part, own: Run) -> str:
    """Run one part; the others run whether it fails or not. Return why it failed."""
    days = getattr(settings, part.setting)
    if days <= 0:
        return ""
    try:
        part.remove(own, now() - timedelta(days=days))
    except LeaseLost:
        log.warning("Another process has taken retention over.")
    except Exception as error:
        log.exception("Retention of %s failed", part.name)
        return f"{part.name}: {str(error) or type(error).__name__}"
    return ""


@transaction.atomic
def tell() -> None:
    """Record what was removed since the last line, in one line."""
    rows = list(RetentionCount.objects.select_for_update().filter(untold__gt=0).order_by("name"))
    if not rows:
        return
    at = now()
    trail.record(
        trail.ENGINE,
        Verb.RETENTION_REMOVED,
        subject_kind="retention",
        subject="retention",
        detail=", ".join(
            f"{row.untold} {row.name}" + (f" before {row.upto:%Y-%m-%d}" if row.upto else "")
            for row in rows
        ),
        removed={row.name: row.untold for row in rows},
        upto={row.name: row.upto.isoformat() for row in rows if row.upto},
    )
    for row in rows:
        RetentionCount.objects.filter(pk=row.pk).update(removed=row.untold, untold=0, told_at=at)


def archive_trail(before: datetime, actor: Actor) -> list[Path] | None:
    """Archive the lines before a time, however long it takes; None while another process does."""
    with pieces.lease(float("inf"), lambda: False) as own:
        if own is None:
            return None
        return retention.archive(before, actor, own.go_on)
