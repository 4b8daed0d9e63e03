"""The rows and files of agent logs: how they move, what the trail tells of it, where they lie."""

import logging
from datetime import datetime
from typing import Any

from django.core.files.storage import Storage, storages
from django.db import transaction

from actions.action_requests import outcomes
from actions.actor import Actor
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus
from actions.trail import trail

log = logging.getLogger(__name__)


def storage() -> Storage:
    """Where the files lie."""
    return storages["agent_logs"]


# ── Asking ──────────────────────────────────────────────────────────────────────────────────────


def move(row: AgentLog, new: LogStatus, moment: datetime, **changes: Any) -> bool:
    """Move a log, with its audit line where the change matters, and tell the open pages."""
    old = LogStatus(row.status)
    if not AgentLog.objects.filter(pk=row.pk).move(old, new, moment, **changes):
        return False
    if new != LogStatus.WAITING:
        told = {"size": changes.get("size"), "sha256": changes.get("sha256")}
        record(trail.ENGINE, f"log.{new}", row, reason=changes.get("message", ""), **told)
    outcomes.bump_version([row.request_id])
    return True


def record(actor: Actor, verb: str, row: AgentLog, *, reason: str = "", **data: Any) -> None:
    """Write the line of the trail that tells what became of a log; empty details are left out."""
    command = row.command
    trail.record(
        actor,
        verb,
        subject_kind="log",
        subject=str(row.uuid),
        reason=reason,
        target=command.target,
        command_id=command.command_id,
        **{name: value for name, value in data.items() if value},
    )


def forget(name: str) -> None:
    """Remove a stored file once the transaction is committed; one that is not there is gone."""
    if name:
        transaction.on_commit(lambda: _delete(name))


def _delete(name: str) -> None:
    try:
        storage().delete(name)
    except OSError as error:
        log.warning("The file %s is not removed: %s", name, type(error).__name__)
