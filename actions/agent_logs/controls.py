"""View, fetch, stop and read an agent log; everything but viewing is recorded in the trail."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from actions import free_disk, on_commit
from actions.action_requests import gate, recording
from actions.action_requests.models import ActionRequest
from actions.actor import Actor
from actions.agent_logs.fetch import interval_while_viewed
from actions.agent_logs.files import move_and_record, record
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_STORED, LogStatus
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.errors import Code, NotAllowed, Refused
from actions.ratelimit import accounts, clock
from actions.ratelimit.states import CallState, Lane
from actions.roles import check_reads_logs
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.refusals import recording_refusals, records_refusals
from actions.trail.verbs import Verb

VIEWED_FOR = timedelta(seconds=30)
"""Time for which a log counts as viewed after its open page has reported a viewer."""

MIN_POLL_INTERVAL = timedelta(seconds=10)
"""Minimum time between two polls of the same log."""

ACCESS_RECORDED_FOR = timedelta(minutes=15)
"""Reads of one file within this time are recorded as one line of the trail."""

S = LogStatus


def note_viewer(agent_log: AgentLog) -> None:
    """Poll this log sooner while a person has its page open."""
    at = clock.now()
    soon = (agent_log.last_polled_at or agent_log.created_at) + interval_while_viewed()
    AgentLog.objects.filter(pk=agent_log.pk, open=True).exclude(
        viewed_until__gt=at + VIEWED_FOR / 2
    ).update(viewed_until=at + VIEWED_FOR)
    waiting = AgentLog.objects.filter(pk=agent_log.pk, open=True, due_at__gt=max(soon, at))
    waiting.exclude(call__state=CallState.SENDING).update(due_at=max(soon, at))


def _refusal_line(agent_log: AgentLog, **_: Any) -> dict[str, Any]:
    return {"subject_kind": "log", "subject": str(agent_log.uuid)}


def perform(verb: str, agent_log: AgentLog, actor: Actor) -> str:
    """Perform the control that `verb` names; return the message for the person."""
    match verb:
        case "ask":
            poll_now(agent_log, actor)
            return "The log is fetched when the next slot is free."
        case "stop":
            stop(agent_log, actor)
            return "Fetching stopped."
    with recording_refusals(actor, Verb.LOG_CONTROL_REFUSED, **_refusal_line(agent_log)):
        check_reads_logs(actor.role)
        raise Refused.because(
            "", Code.UNKNOWN_CONTROL, "Unknown action. Reload the page and try again."
        )


@records_refusals(Verb.LOG_CONTROL_REFUSED, _refusal_line)
@transaction.atomic
def poll_now(agent_log: AgentLog, actor: Actor) -> None:
    """Poll once, in the normal lane; polling of a stopped or failed log begins again.

    Not in the urgent lane: each poll takes a slot, and an urgent action must not wait for them.
    """
    check_reads_logs(actor.role)
    free_disk.check("No agent log is fetched")
    accounts.lock()
    row = AgentLog.objects.select_for_update(of=("self",)).get(pk=agent_log.pk)
    at = clock.now()
    _check_pollable(row, at)
    budget.take(actor, Budget.POLLS)
    deadline = at + timedelta(hours=settings.AGENT_LOG_DEADLINE_HOURS)
    changes = {"lane": Lane.NORMAL, "due_at": at}
    if row.open:
        AgentLog.objects.filter(pk=row.pk).update(**changes)
    else:
        move_and_record(row, S.WAITING, at, **changes, deadline=deadline, attempts=0)
    record(actor, Verb.LOG_ASKED_NOW, row)
    on_commit.wake_dispatcher()


def _check_pollable(row: AgentLog, at: datetime) -> None:
    if row.status in LOG_STORED:
        raise Refused.because("", Code.LOG_ALREADY_FETCHED, "The log has been fetched already.")
    if row.call and row.call.state == CallState.SENDING:
        raise Refused.because(
            "", Code.FETCH_IN_PROGRESS, "The log is being fetched at this moment."
        )
    if row.lane == Lane.NORMAL and row.open:
        raise Refused.because("", Code.FETCH_ALREADY_QUEUED, "A fetch is already queued.")
    if row.last_polled_at and at - row.last_polled_at < MIN_POLL_INTERVAL:
        raise Refused.because(
            "",
            Code.FETCHED_RECENTLY,
            "A fetch was tried less than %(seconds)s seconds ago. Wait a moment.",
            seconds=int(MIN_POLL_INTERVAL.total_seconds()),
        )


@records_refusals(Verb.LOG_CONTROL_REFUSED, _refusal_line)
@transaction.atomic
def stop(agent_log: AgentLog, actor: Actor) -> None:
    """Stop polling; the file of a call in flight is discarded."""
    if not gate.may_control(agent_log.request, actor):
        raise NotAllowed(
            Code.NOT_YOUR_REQUEST,
            "Only the submitter of its request or an operator may stop the fetching of a log.",
        )
    accounts.lock()
    row = AgentLog.objects.select_for_update(of=("self",)).get(pk=agent_log.pk)
    if not row.open:
        raise Refused.because(
            "", Code.FETCHING_ALREADY_STOPPED, "The log is not being fetched any more."
        )
    message = f"Stopped by {actor.label}."
    old = LogStatus(row.status)
    AgentLog.objects.filter(pk=row.pk).move(
        old, S.STOPPED, clock.now(), message=message, lane=Lane.REPORTS
    )
    record(actor, Verb.LOG_STOPPED, row)
    recording.bump_version([row.request_id])


@transaction.atomic
def record_access(
    row: AgentLog, actor: Actor, verb: Verb, *, file: str = "", search: str = ""
) -> None:
    """Record that a person reads a log; raise NotAllowed if the role cannot.

    `verb` is LOG_OPENED, LOG_SEARCHED or LOG_DOWNLOADED. Paging through a file is recorded once.
    """
    check_reads_logs(actor.role)
    recent = AuditEvent.objects.filter(
        subject_kind="log", subject=str(row.uuid), verb=verb, at__gt=now() - ACCESS_RECORDED_FOR
    )
    data = {"file": file[:300], "search": search}
    for event in recent.filter(actor=actor.name)[:20]:
        same = event.data.get("file", "") == data["file"]
        if verb != Verb.LOG_DOWNLOADED and same and event.data.get("search", "") == search:
            return
    record(actor, verb, row, **data)


@transaction.atomic
def record_search(action_request: ActionRequest, actor: Actor, phrase: str) -> None:
    """Record a search in all logs of a request; raise NotAllowed if the role cannot read logs.

    Without a phrase the line says that a link or a typed address asked for the search.
    """
    check_reads_logs(actor.role)
    count = AgentLog.objects.filter(request=action_request, status=S.READY).count()
    trail.record(
        actor,
        Verb.LOGS_SEARCHED,
        subject_kind="request",
        subject=str(action_request.uuid),
        detail="" if phrase else "By a link or a typed address; its phrase is not recorded.",
        search=phrase,
        logs=count,
    )
