"""Agent logs in every state, each with the calls that asked for it."""

import hashlib
import io
import zipfile
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.timezone import now

from tests.upgrade.filling.action_requests import Requests
from tests.upgrade.filling.old_code import agent_logs, budget, log_controls, models, reports, states

L = states.LogStatus


def expect_logs(requests: Requests, count: int) -> None:
    """Have the vendor accept a fetch for so many devices."""
    requests.submit("fetch_agent_log", requests.devices[-count:], ticket="LOG-1")
    requests.vendor.settle_all()


def poll_logs(requests: Requests) -> None:
    """Take each log to one of the states; called late, because a claim would take a due log."""
    rows = models.AgentLog.objects.select_related("command", "request").order_by("id")
    for number, row in enumerate(rows):
        new = L.values[number % len(L.values)]
        if new != L.REQUESTED:
            _poll(row, new)
            _end(requests, row, new)
        elif number:
            log_controls.ask_now(row, requests.users.helpdesk)
        if row.open and number % 2:
            log_controls.look_on(row)


@transaction.atomic
def _poll(row: Any, new: str) -> None:
    """Make the call that asks for the log, and record what it led to."""
    call = reports.take(row, budget.clock(), states.Lane.REPORTS)
    status = 200 if new in (L.READY, L.REMOVED) else 404
    budget.close_call(call, states.CallState.ANSWERED, http_status=status, rate=None)
    reports.settle(call, row, _result(row, new), in_time=True)
    row.refresh_from_db()


def _result(row: Any, new: str) -> Any:
    if new == L.FAILED:
        said = "The vendor's file cannot be opened: no directory."
        return reports.Delivery(said, True, "", 17, hashlib.sha256(b"x").hexdigest())
    if new not in (L.READY, L.REMOVED):
        return reports.Delivery(said="The agent has not sent its log yet.")
    content = _zip(row.command.target)
    name = agent_logs.storage().save(f"{row.uuid.hex}.zip", ContentFile(content))
    return reports.Delivery("", False, name, len(content), hashlib.sha256(content).hexdigest(), 1)


def _zip(target: str) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("agent.log", f"2026-01-01 00:00:00 INFO start {target}\n" * 20)
    return box.getvalue()


def _end(requests: Requests, row: Any, new: str) -> None:
    """End what was still polled, or remove the file that came."""
    if new == L.STOPPED:
        log_controls.stop(row, requests.users.operator)
    elif new == L.REMOVED:
        reports.remove(row, now())
    elif new == L.READY:
        log_controls.note_reading(row, requests.users.helpdesk, "log.opened", file="agent.log")
    elif new == L.EXPIRED:
        with transaction.atomic():
            agent_logs.move(row, L.EXPIRED, now(), said="The vendor had no file in time.")
