"""What people may do with a submitted request: cancel, pause, resume, retry, undo; and freeze.

Each control is recorded, and repeating it changes nothing. Cancel, pause, resume and freeze lock
the account, so that a claim or an answer is stored wholly before or wholly after them. The checks
of all controls are in `gate`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from actions import bounds, on_commit
from actions.action_requests import gate, in_doubt, linked, outcomes, recording
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.repeats import AlreadySubmitted
from actions.action_requests.states import CommandStatus
from actions.action_requests.submissions import Submission, read_reason
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.dispatch import claims, epoch
from actions.errors import Code, NotAllowed, Refused
from actions.ratelimit import accounts, clock
from actions.roles import RIGHTS
from actions.trail import trail
from actions.trail.refusals import recording_refusals, records_refusals
from actions.trail.verbs import Verb

S = CommandStatus

RESTORED = (
    "The database was just found to be a restored backup, and nothing was resumed. Compare what is "
    "in doubt, then resume."
)


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What a control changed: a number of devices, and the requests that it made.

    `repeated` means that the same was asked before: the requests are those of the first time, and
    nothing is sent again.
    """

    devices: int
    requests: tuple[ActionRequest, ...] = ()
    repeated: bool = False


def perform(
    verb: str,
    action_request: ActionRequest,
    actor: Actor,
    *,
    targets: Collection[str] = (),
    statuses: Collection[str] = (S.FAILED,),
    reason: str = "",
    hours: str | None = None,
    forever: bool = False,
) -> ControlResult:
    """Perform the control that `verb` names, for pages, commands and the API.

    A control takes the values that it needs and ignores the others: cancel takes `targets`, retry
    `statuses` and `reason`, undo `reason`, `hours` and `forever`. Raises Refused or NotAllowed.
    """
    match verb:
        case "cancel":
            return ControlResult(cancel(action_request, actor, targets))
        case "pause":
            return ControlResult(pause(action_request, actor))
        case "resume":
            return ControlResult(resume(action_request, actor))
        case "retry":
            return retry(action_request, actor, statuses=statuses, reason=reason)
        case "undo":
            return undo(action_request, actor, reason=reason, hours=hours, forever=forever)
    with recording_refusals(actor, Verb.PAGE_REFUSED, **_refusal_line(action_request)):
        gate.check_may_control(action_request, actor)
        raise Refused.because(
            "", Code.UNKNOWN_CONTROL, "Unknown action. Reload the page and try again."
        )


def _refusal_line(action_request: ActionRequest, **_: Any) -> dict[str, Any]:
    return {"subject_kind": "request", "subject": str(action_request.uuid)}


@records_refusals(Verb.REQUEST_CANCEL_REFUSED, _refusal_line)
@transaction.atomic
def cancel(action_request: ActionRequest, actor: Actor, targets: Collection[str] = ()) -> int:
    """Cancel the unsent commands of all devices, or of `targets`; return how many.

    A command whose call is in flight is cancelled if that call turns out to have done nothing.
    """
    gate.check_may_control(action_request, actor)
    bounds.check_count("target", targets, bounds.MAX_VALUES, "devices")
    accounts.lock()
    rows = DeviceCommand.objects.filter(request=action_request)
    if targets:
        rows = rows.filter(target__in=targets)
    detail = f"Cancelled by {actor.label}."
    taken, in_doubt = outcomes.withdraw(rows, S.CANCELLED, detail)
    in_flight = rows.filter(status=S.SENDING, cancel_asked=False).update(cancel_asked=True)
    if taken or in_flight or in_doubt:
        data = recording.withdrawn_data(taken, S.CANCELLED)
        data |= {"count": len(taken), "asked_for": sorted(targets), "in_a_call": in_flight}
        _record(action_request, actor, Verb.REQUEST_CANCELLED, **data)
    return len(taken)


@records_refusals(Verb.REQUEST_PAUSE_REFUSED, _refusal_line)
@transaction.atomic
def pause(action_request: ActionRequest, actor: Actor) -> int:
    """Hold the unsent commands; return how many. A call in flight is not stopped."""
    gate.check_may_control(action_request, actor)
    accounts.lock()
    marked = ActionRequest.objects.filter(pk=action_request.pk, paused=False).update(paused=True)
    rows = DeviceCommand.objects.filter(request=action_request)
    count = rows.move(S.QUEUED, S.HELD, due_at=outcomes.FAR_FUTURE)
    held = rows.filter(status=S.HELD).update(due_at=outcomes.FAR_FUTURE)
    if marked:
        _record(action_request, actor, Verb.REQUEST_PAUSED, count=held)
    return count


@records_refusals(Verb.REQUEST_RESUME_REFUSED, _refusal_line)
@transaction.atomic
def resume(action_request: ActionRequest, actor: Actor) -> int:
    """Queue a paused request again, not before its start time; return how many commands."""
    gate.check_may_control(action_request, actor)
    accounts.lock()
    marked = ActionRequest.objects.filter(pk=action_request.pk, paused=True).update(paused=False)
    if not marked:
        return 0
    rows = DeviceCommand.objects.filter(request=action_request, status=S.HELD)
    gate.check_may_send(actor, action_request.kind, rows.count())
    due = max(clock.now(), action_request.start_at or clock.now())
    count = rows.update(due_at=due)
    if due <= clock.now():
        rows.move(S.HELD, S.QUEUED)
    _record(action_request, actor, Verb.REQUEST_RESUMED, count=count)
    on_commit.wake_dispatcher()
    return count


@records_refusals(Verb.REQUEST_RETRY_REFUSED, _refusal_line)
@transaction.atomic
def retry(
    action_request: ActionRequest,
    actor: Actor,
    *,
    statuses: Collection[str] = (S.FAILED,),
    reason: str = "",
) -> ControlResult:
    """Submit the action again for exactly the devices with these outcomes; see `linked.retry_of`.

    A second retry of the same devices returns the request of the first.
    """
    gate.check_may_control(action_request, actor)
    return _submit_all([linked.retry_of(action_request, statuses, reason)], actor)


@records_refusals(Verb.REQUEST_UNDO_REFUSED, _refusal_line)
@transaction.atomic
def undo(
    action_request: ActionRequest,
    actor: Actor,
    *,
    reason: str = "",
    hours: str | None = None,
    forever: bool = False,
) -> ControlResult:
    """Submit the inverse action for exactly the accepted devices; see `linked.undo_of`.

    A second undo of the same devices returns the requests of the first.
    """
    gate.check_may_control(action_request, actor)
    submissions = linked.undo_of(action_request, reason=reason, hours=hours, forever=forever)
    return _submit_all(submissions, actor)


def freeze(actor: Actor, *, frozen: bool, reason: str) -> bool:
    """Freeze or resume all sending; return whether that changed anything.

    Raises NotAllowed if the role does not control the engine, and Refused without a reason.
    """
    refused = Verb.SENDING_FREEZE_REFUSED if frozen else Verb.SENDING_RESUME_REFUSED
    with recording_refusals(actor, refused, subject_kind="account", subject="vendor"):
        if not RIGHTS[actor.role].controls_engine:
            raise NotAllowed(Code.ROLE_MAY_NOT_FREEZE, "Only an operator may freeze sending.")
        if not frozen and claims.freeze_if_older():
            raise Refused.because("", Code.DATABASE_RESTORED, RESTORED)
        return _freeze(actor, read_reason(reason), frozen=frozen)


@transaction.atomic
def _freeze(actor: Actor, reason: str, *, frozen: bool) -> bool:
    account = accounts.lock()
    if account.frozen == frozen:
        return False
    account.frozen, account.frozen_reason = frozen, reason if frozen else ""
    data: dict[str, Any] = {}
    if not frozen and account.restored_at:
        epoch.begin(account)  # A person has decided that sending goes on with this database.
        account.restored_at = None
        data["in_doubt"] = sum(each.devices for each in in_doubt.by_kind())
    account.save()
    trail.record(
        actor,
        Verb.SENDING_FROZEN if frozen else Verb.SENDING_RESUMED,
        subject_kind="account",
        subject="vendor",
        reason=reason,
        before={"frozen": not frozen},
        after={"frozen": frozen},
        **data,
    )
    on_commit.wake_dispatcher()
    return True


def _submit_all(submissions: list[Submission], actor: Actor) -> ControlResult:
    """Submit the requests of one act within its transaction: all of them, or none."""
    devices = sum(len(each.targets) for each in submissions)
    gate.check_may_send(actor, submissions[0].kind, devices)
    requests, repeated = [], True
    for submission in submissions:
        try:
            requests.append(submit_action(submission, actor))
            repeated = False
        except AlreadySubmitted as twin:
            requests.append(twin.action_request)
    return ControlResult(devices, tuple(requests), repeated)


def _record(action_request: ActionRequest, actor: Actor, verb: Verb, **data: Any) -> None:
    subject = str(action_request.uuid)
    trail.record(actor, verb, subject_kind="request", subject=subject, **data)
    recording.bump_version([action_request.pk])
