"""What a person may still do with a request: cancel, pause, resume, retry, undo.

Each is recorded, and asking twice does what asking once does. Controls take the account's lock,
so that a claim or an answer comes wholly before or wholly after them.
"""

import hashlib
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import uuid5

from django.db import transaction
from django.utils.timezone import now

from actions import on_commit
from actions.action_requests import outcomes
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import RETRYABLE, UNDOABLE, CommandStatus
from actions.action_requests.submissions import Submission, read_hours, read_reason
from actions.action_requests.submit import AlreadySubmitted, submit_action
from actions.actor import Actor
from actions.catalog import KINDS
from actions.errors import NotAllowed, Refused
from actions.inventory.models import DeviceGroup
from actions.ratelimit import accounts
from actions.roles import RIGHTS
from actions.trail import trail
from actions.trail.verbs import Verb

S = CommandStatus
P = ParamSpec("P")
R = TypeVar("R")
Control = Callable[Concatenate[ActionRequest, Actor, P], R]

REFUSED_VERB = {
    "cancel": Verb.REQUEST_CANCEL_REFUSED,
    "pause": Verb.REQUEST_PAUSE_REFUSED,
    "resume": Verb.REQUEST_RESUME_REFUSED,
    "retry": Verb.REQUEST_RETRY_REFUSED,
    "undo": Verb.REQUEST_UNDO_REFUSED,
}
"""Event of a control that was refused, by the name of its function."""


def _refusals_recorded(deed: Control[P, R]) -> Control[P, R]:
    """Record also what was refused, after its own transaction is rolled back."""

    @wraps(deed)
    def recorded(
        action_request: ActionRequest, actor: Actor, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        try:
            return deed(action_request, actor, *args, **kwargs)
        except (NotAllowed, Refused) as refusal:
            trail.record_refusal(
                actor,
                REFUSED_VERB[deed.__name__],
                refusal,
                subject_kind="request",
                subject=str(action_request.uuid),
            )
            raise

    return cast("Control[P, R]", recorded)


@_refusals_recorded
@transaction.atomic
def cancel(action_request: ActionRequest, actor: Actor, targets: Collection[str] = ()) -> int:
    """Take back what was not sent, of all devices or of these; returns how many.

    A device that is in a call at this moment is cancelled only if that call turns out undone.
    """
    _check_may_control(action_request, actor)
    accounts.lock()
    rows = DeviceCommand.objects.filter(request=action_request)
    if targets:
        rows = rows.filter(target__in=targets)
    said = f"Cancelled by {actor.name}."
    taken, in_doubt = outcomes.withdraw(rows, S.CANCELLED, said)
    asked = rows.filter(status=S.SENDING, cancel_asked=False).update(cancel_asked=True)
    if taken or asked or in_doubt:
        told = outcomes.record_withdrawn(taken, S.CANCELLED)
        told |= {"count": len(taken), "asked_for": sorted(targets), "in_a_call": asked}
        _record(action_request, actor, Verb.REQUEST_CANCELLED, **told)
    return len(taken)


@_refusals_recorded
@transaction.atomic
def pause(action_request: ActionRequest, actor: Actor) -> int:
    """Hold what was not sent; a call on its way is the last. Returns how many devices wait."""
    _check_may_control(action_request, actor)
    accounts.lock()
    marked = ActionRequest.objects.filter(pk=action_request.pk, paused=False).update(paused=True)
    rows = DeviceCommand.objects.filter(request=action_request)
    count = rows.move(S.QUEUED, S.HELD, due_at=outcomes.FAR_FUTURE)
    held = rows.filter(status=S.HELD).update(due_at=outcomes.FAR_FUTURE)
    if marked:
        _record(action_request, actor, Verb.REQUEST_PAUSED, count=held)
    return count


@_refusals_recorded
@transaction.atomic
def resume(action_request: ActionRequest, actor: Actor) -> int:
    """Let a paused request go on, not before its start; returns how many devices do."""
    _check_may_control(action_request, actor)
    accounts.lock()
    marked = ActionRequest.objects.filter(pk=action_request.pk, paused=True).update(paused=False)
    if not marked:
        return 0
    rows = DeviceCommand.objects.filter(request=action_request, status=S.HELD)
    due = max(now(), action_request.start_at or now())
    count = rows.update(due_at=due)
    if due <= now():
        rows.move(S.HELD, S.QUEUED)
    _record(action_request, actor, Verb.REQUEST_RESUMED, count=count)
    on_commit.wake_dispatcher()
    return count


@_refusals_recorded
def retry(
    action_request: ActionRequest,
    actor: Actor,
    *,
    statuses: Collection[CommandStatus] = (S.FAILED,),
    reason: str = "",
) -> ActionRequest:
    """A linked request for exactly the devices with these outcomes; asked twice, it is one.

    Raises Refused when no device has such an outcome, or when the role or a device stands
    against it.
    """
    odd = [status for status in statuses if status not in RETRYABLE]
    if odd:
        raise Refused.because("only", f"A device that is {odd[0]} cannot be retried.")
    targets = _targets(action_request, statuses)
    if not targets:
        words = ", ".join(CommandStatus(status).label.lower() for status in statuses)
        raise Refused.because("only", f"No device of this request is {words}.")
    why = reason or f"Retry of {action_request.short_id}: {action_request.reason}"
    wish = _linked(action_request, "retry", targets, why, params=action_request.params)
    return _submit_once(wish, actor)


@_refusals_recorded
def undo(
    action_request: ActionRequest,
    actor: Actor,
    *,
    reason: str = "",
    hours: str | None = None,
    forever: bool = False,
) -> list[ActionRequest]:
    """The opposite, on exactly the devices that the vendor accepted; asked twice, it is one.

    Undoing an *unexempt* needs the hours of the new exemption. Devices assigned to a group go
    back to where each was: one request for each former group. Raises Refused when there is
    nothing to undo or no way back.
    """
    kind = action_request.kind
    if not kind.inverse:
        raise Refused.because("", f"{kind.label} cannot be undone.")
    targets = _targets(action_request, UNDOABLE)
    if not targets:
        raise Refused.because("", "The vendor has accepted nothing of this request.")
    why = reason or f"Undo of {action_request.short_id}: {action_request.reason}"
    if kind.parameter == "group_id":
        wishes = [
            _linked(action_request, "undo", devices, why, params={"group_id": group})
            for group, devices in _former_groups(action_request).items()
        ]
    else:
        params: dict[str, Any] = {}
        if kind.inverse == "exempt":
            params = {"exempt_time": read_hours(hours, forever=forever)}
        wishes = [_linked(action_request, "undo", targets, why, params=params)]
    return [_submit_once(wish, actor) for wish in wishes]


def freeze(actor: Actor, *, frozen: bool, reason: str) -> bool:
    """Stop all sending, or let it go on; says whether that changed anything.

    Raises NotAllowed for who does not run the engine, and Refused without a reason.
    """
    if not RIGHTS[actor.role].controls_engine:
        refusal = NotAllowed("Only an operator may freeze sending.")
        verb = Verb.SENDING_FREEZE_REFUSED if frozen else Verb.SENDING_RESUME_REFUSED
        trail.record_refusal(actor, verb, refusal, subject_kind="account", subject="vendor")
        raise refusal
    return _freeze(actor, read_reason(reason), frozen=frozen)


@transaction.atomic
def _freeze(actor: Actor, why: str, *, frozen: bool) -> bool:
    account = accounts.lock()
    if account.frozen == frozen:
        return False
    account.frozen, account.frozen_reason = frozen, why if frozen else ""
    account.save()
    verb = Verb.SENDING_FROZEN if frozen else Verb.SENDING_RESUMED
    trail.record(
        actor,
        verb,
        subject_kind="account",
        subject="vendor",
        reason=why,
        before={"frozen": not frozen},
        after={"frozen": frozen},
    )
    on_commit.wake_dispatcher()
    return True


def may_control(action_request: ActionRequest, actor: Actor) -> bool:
    """One's own requests, or everybody's for those who run the engine."""
    rights = RIGHTS[actor.role]
    own = actor.user_id is not None and action_request.user_id == actor.user_id
    return rights.controls_engine or (bool(rights.kinds) and own)


def _check_may_control(action_request: ActionRequest, actor: Actor) -> None:
    if not may_control(action_request, actor):
        raise NotAllowed("Only its submitter or an operator may control a request.")


def _targets(action_request: ActionRequest, statuses: Collection[CommandStatus]) -> tuple[str, ...]:
    rows = DeviceCommand.objects.filter(request=action_request, status__in=list(statuses))
    return tuple(rows.order_by("id").values_list("target", flat=True))


def _former_groups(action_request: ActionRequest) -> dict[str, tuple[str, ...]]:
    """The devices to move back, by the id of the group where each was when it was asked for."""
    ids = {group.name: group.vendor_id for group in DeviceGroup.objects.all()}
    rows = DeviceCommand.objects.filter(request=action_request, status__in=list(UNDOABLE))
    back: dict[str, list[str]] = {}
    lost = []
    for target, name in rows.order_by("id").values_list("target", "device_group"):
        if name in ids:
            back.setdefault(ids[name], []).append(target)
        else:
            lost.append(target)
    if lost:
        raise Refused.because(
            "", f"The former group of {len(lost)} devices is not known: {', '.join(lost[:3])}."
        )
    return {group: tuple(targets) for group, targets in back.items()}


def _linked(
    parent: ActionRequest,
    origin: str,
    targets: tuple[str, ...],
    reason: str,
    *,
    params: dict[str, Any],
) -> Submission:
    """A submission whose token is made of what it asks, so that asking twice is one request."""
    kind = parent.kind if origin == "retry" else KINDS[parent.kind.inverse]
    asked = "\n".join([origin, kind.name, str(params), *targets])
    return Submission(
        kind=kind,
        addressing="macs" if parent.addressing == "macs" else "ids",
        targets=targets,
        reason=read_reason(reason[:500]),
        params=params,
        ticket=parent.ticket,
        form_token=uuid5(parent.uuid, hashlib.sha256(asked.encode()).hexdigest()),
        allow_unlisted=True,
        parent_id=parent.pk,
        origin="retry" if origin == "retry" else "undo",
    )


def _submit_once(submission: Submission, actor: Actor) -> ActionRequest:
    try:
        return submit_action(submission, actor)
    except AlreadySubmitted as twin:
        return twin.action_request


def _record(action_request: ActionRequest, actor: Actor, verb: Verb, **data: Any) -> None:
    subject = str(action_request.uuid)
    trail.record(actor, verb, subject_kind="request", subject=subject, **data)
    outcomes.bump_version([action_request.pk])
