"""Moves agent logs between states, with their audit lines, and removes their files."""

import logging
from datetime import datetime
from typing import Any

from django.core.files.storage import Storage, storages
from django.db import transaction

from actions.action_requests import recording
from actions.actor import Actor
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus
from actions.trail import trail
from actions.trail.verbs import Verb

log = logging.getLogger(__name__)

MOVE_VERB = {
    LogStatus.READY: Verb.LOG_READY,
    LogStatus.UNREADABLE: Verb.LOG_KEPT,
    LogStatus.FAILED: Verb.LOG_FAILED,
    LogStatus.EXPIRED: Verb.LOG_EXPIRED,
    LogStatus.REMOVED: Verb.LOG_REMOVED,
}
"""Event of a log that the engine moves, by its new status."""


def storage() -> Storage:
    """Return the storage of the files."""
    return storages["agent_logs"]


def move_and_record(row: AgentLog, new: LogStatus, at: datetime, **changes: Any) -> bool:
    """Move a log with its audit line, and update open pages; return whether it was moved."""
    old = LogStatus(row.status)
    if not AgentLog.objects.filter(pk=row.pk).move(old, new, at, **changes):
        return False
    if new != LogStatus.WAITING:
        data = {"size": changes.get("size"), "sha256": changes.get("sha256")}
        record(trail.ENGINE, MOVE_VERB[new], row, detail=changes.get("message", ""), **data)
    recording.bump_version([row.request_id])
    return True


def record(actor: Actor, verb: Verb, row: AgentLog, *, detail: str = "", **data: Any) -> None:
    """Write an audit line about a log; empty values of `data` are left out."""
    command = row.command
    trail.record(
        actor,
        verb,
        subject_kind="log",
        subject=str(row.uuid),
        detail=detail,
        target=command.target,
        command_id=command.command_id,
        **{name: value for name, value in data.items() if value},
    )


def forget(name: str) -> None:
    """Delete a stored file after commit; a missing file is no error."""
    if name:
        transaction.on_commit(lambda: _delete(name))


def _delete(name: str) -> None:
    try:
        storage().delete(name)
    except OSError as error:
        log.warning("The file %s is not removed: %s", name, type(error).__name__)
