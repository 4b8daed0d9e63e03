"""What people do with an agent log: look on, ask now, stop the asking, read; each is told."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from actions import on_commit
from actions.action_requests import controls, outcomes
from actions.action_requests.models import ActionRequest
from actions.actor import Actor
from actions.agent_logs.files import move, record
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LogStatus
from actions.errors import NotAllowed, Refused
from actions.ratelimit import accounts, clock
from actions.ratelimit.states import CallState, Lane
from actions.roles import RIGHTS
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

VIEWED_FOR = timedelta(seconds=30)
"""A page that is open says so at least this often."""

NOT_AGAIN = timedelta(seconds=10)
"""A person may ask for the same log once in this time."""

OPENED_ONCE = timedelta(minutes=15)
"""Turning the pages of one file is one line of the trail."""

S = LogStatus


def note_viewer(wanted: AgentLog) -> None:
    """Somebody has the page open: ask for this log sooner."""
    moment = now()
    soon = (wanted.last_polled_at or wanted.created_at) + _interval_while_viewed()
    AgentLog.objects.filter(pk=wanted.pk, open=True).exclude(
        viewed_until__gt=moment + VIEWED_FOR / 2
    ).update(viewed_until=moment + VIEWED_FOR)
    waits = AgentLog.objects.filter(pk=wanted.pk, open=True, due_at__gt=max(soon, moment))
    waits.exclude(call__state=CallState.SENDING).update(due_at=max(soon, moment))


def _interval_while_viewed() -> timedelta:
    return timedelta(seconds=settings.AGENT_LOG_FIRST_POLL / 3)


@transaction.atomic
def poll_now(wanted: AgentLog, actor: Actor) -> None:
    """Ask in the urgent lane, once; a log that is asked for no more is asked for anew."""
    check_reads_logs(actor)
    accounts.lock()
    row = AgentLog.objects.select_for_update(of=("self",)).get(pk=wanted.pk)
    moment = clock.now()
    if row.status == S.READY:
        raise Refused.because("", "The log is here already.")
    if row.call and row.call.state == CallState.SENDING:
        raise Refused.because("", "The vendor is being asked at this moment.")
    if row.lane == Lane.URGENT and row.open:
        raise Refused.because("", "It is asked for already, as soon as a place is free.")
    if row.last_polled_at and moment - row.last_polled_at < NOT_AGAIN:
        raise Refused.because("", "It was asked for a moment ago. Wait ten seconds.")
    deadline = moment + timedelta(hours=settings.AGENT_LOG_DEADLINE_HOURS)
    changes = {"lane": Lane.URGENT, "due_at": moment}
    if row.open:
        AgentLog.objects.filter(pk=row.pk).update(**changes)
    else:
        move(row, S.WAITING, moment, **changes, deadline=deadline, attempts=0)
    record(actor, Verb.LOG_ASKED_NOW, row)
    on_commit.wake_dispatcher()


@transaction.atomic
def stop(wanted: AgentLog, actor: Actor) -> None:
    """Ask no more; a call that is on its way may still bring the file, which is then dropped."""
    if not controls.may_control(wanted.request, actor):
        raise NotAllowed("Only who asked for the log or an operator may stop the asking.")
    accounts.lock()
    row = AgentLog.objects.select_for_update(of=("self",)).get(pk=wanted.pk)
    if not row.open:
        raise Refused.because("", "It is not asked for any more.")
    moment = clock.now()
    said = f"Stopped by {actor.name}."
    old = LogStatus(row.status)
    AgentLog.objects.filter(pk=row.pk).move(old, S.STOPPED, moment, message=said, lane=Lane.REPORTS)
    record(actor, Verb.LOG_STOPPED, row)
    outcomes.bump_version([row.request_id])


@transaction.atomic
def record_access(
    row: AgentLog, actor: Actor, verb: Verb, *, file: str = "", search: str = ""
) -> None:
    """Write who reads a log; raises NotAllowed for whom it is not.

    `verb` is log.opened, log.searched or log.downloaded. Turning pages is noted once.
    """
    check_reads_logs(actor)
    lately = AuditEvent.objects.filter(
        subject_kind="log", subject=str(row.uuid), verb=verb, at__gt=now() - OPENED_ONCE
    )
    told = {"file": file[:300], "search": search}
    for event in lately.filter(actor=actor.name)[:20]:
        same = event.data.get("file", "") == told["file"]
        if verb != Verb.LOG_DOWNLOADED and same and event.data.get("search", "") == search:
            return
    record(actor, verb, row, **told)


@transaction.atomic
def record_search(action_request: ActionRequest, actor: Actor, phrase: str) -> None:
    """Write who looked for what in all logs of a request; raises NotAllowed for whom it is not."""
    check_reads_logs(actor)
    count = AgentLog.objects.filter(request=action_request, status=S.READY).count()
    trail.record(
        actor,
        Verb.LOGS_SEARCHED,
        subject_kind="request",
        subject=str(action_request.uuid),
        search=phrase,
        logs=count,
    )


def check_reads_logs(actor: Actor) -> None:
    """Raise NotAllowed unless that role reads logs."""
    if not RIGHTS[actor.role].reads_logs:
        raise NotAllowed(f"The role {actor.role.label} does not read agent logs.")
