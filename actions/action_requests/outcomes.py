"""Changes the status of commands, each change together with its audit line.

A person's pause and cancellation (`controls`) and the claim of a call (`queue`) also move commands,
by the same compare-and-swap (`DeviceCommandQuerySet.move`).
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from actions.action_requests import events, recording
from actions.action_requests.models import DeviceCommand, DeviceCommandQuerySet
from actions.action_requests.states import VENDOR_STATUS, CommandStatus
from actions.catalog import KINDS
from actions.opswat.payloads import ActionResult, DeviceResult
from actions.ratelimit import breaker, clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState
from actions.trail.verbs import Verb

MAX_ATTEMPTS = 3
"""Times that an idempotent kind is sent automatically before a person must decide."""

STRANDED = timedelta(minutes=1)
"""Time after the end of a call by which its commands are settled."""

DOUBTED_AT_ONCE = 1000
"""Commands that one statement and one audit line mark unconfirmed after a restore."""

FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
"""Due time of a paused command: only a person can resume it."""

S = CommandStatus
Commands = list[DeviceCommand]
Changes = tuple[tuple[str, Any], ...]

READBACK_VERB = {
    S.ACCEPTED: Verb.READBACK_ACCEPTED,
    S.CONFIRMED: Verb.READBACK_CONFIRMED,
    S.FAILED: Verb.READBACK_FAILED,
    S.NOT_SEEN: Verb.READBACK_NOT_SEEN,
}
"""Event of a read-back, by the status that it leads to."""


def settle(call: VendorCall, result: ActionResult) -> None:
    """Give each command of the call the vendor's result for its device.

    If the answer omits a device or has an unknown status for it, the outcome is unknown, never a
    success.
    """
    groups: dict[tuple[CommandStatus, Changes], Commands] = defaultdict(list)
    for command in _carried(call):
        groups[_outcome(result.results.get(command.target), call)].append(command)
    moved: Commands = []
    for (status, changes), commands in groups.items():
        check_at = _first_check(status, call.kind_name)
        moved += _move(commands, status, **dict(changes), check_at=check_at)
    events.publish_accepted(moved)
    recording.record_moved(Verb.CALL_ANSWERED, moved, call)


def requeue(call: VendorCall, reason: str, *, pause: bool = False) -> None:
    """The call was not sent or not done: requeue its commands.

    With `pause` they wait, longer each time, so that others pass a call that alone is refused.
    """
    carried = _carried(call)
    changes: dict[str, Any] = {"detail": reason}
    if pause and carried:
        seconds = breaker.growing(max(command.attempts for command in carried))
        changes["due_at"] = clock.now() + timedelta(seconds=seconds)
    moved = _requeue_commands(carried, **changes)
    recording.record_moved(Verb.CALL_NOT_DONE, moved, call, detail=reason)


def reject(call: VendorCall, reason: str, http_status: int) -> None:
    """Apply that the vendor refused the call as a whole.

    One invalid id must not fail 49 valid ones: a call of many devices that is refused with 400, or
    with 413 (too large, *assumed*: a gateway), is split into halves and sent again, until the
    invalid device is alone.
    """
    carried = _carried(call)
    targets = list(dict.fromkeys(command.target for command in carried))
    if http_status in (400, 413) and len(targets) > 1:
        first = set(targets[: len(targets) // 2])
        detail = f"The vendor refused the call ({http_status}): sent again in halves."
        half = [command for command in carried if command.target in first]
        rest = [command for command in carried if command.target not in first]
        moved = _requeue_commands(half, detail=detail, split_group=2 * call.pk)
        moved += _requeue_commands(rest, detail=detail, split_group=2 * call.pk + 1)
        recording.record_moved(Verb.CALL_SPLIT, moved, call, detail=reason)
        return
    # A repeated command may have taken effect in its earlier call, which had no answer.
    in_doubt = [command for command in carried if command.in_doubt]
    sure = [command for command in carried if not command.in_doubt]
    moved = _mark_in_doubt(in_doubt, reason)
    moved += _move(sure, S.FAILED, detail=reason, http_status=http_status or None)
    recording.record_moved(Verb.CALL_REFUSED, moved, call, detail=reason)


def mark_unconfirmed(call: VendorCall, reason: str, http_status: int | None = None) -> None:
    """Mark commands unconfirmed: sent, no usable answer, outcome unknown.

    Commands of an idempotent kind are sent again instead, up to MAX_ATTEMPTS.
    """
    carried = _carried(call)
    again = [command for command in carried if _may_repeat(command, call)]
    rest = [command for command in carried if not _may_repeat(command, call)]
    moved = _requeue_commands(
        again,
        in_doubt=True,
        detail=f"{reason} Sent again automatically, because repeating it is safe.",
    )
    check_at = _first_check(S.UNCONFIRMED, call.kind_name)
    moved += _move(rest, S.UNCONFIRMED, detail=reason, http_status=http_status, check_at=check_at)
    recording.record_moved(Verb.CALL_UNCONFIRMED, moved, call, detail=reason)


def confirm(commands: Commands, old: CommandStatus, new: CommandStatus) -> None:
    """Apply the outcome that a read-back of the devices showed."""
    detail = {
        S.CONFIRMED: "Read back: the device shows the change.",
        S.NOT_SEEN: "Read back: the device does not show the change.",
        S.ACCEPTED: "Read back: the device shows the change, so it took effect.",
        S.FAILED: "Read back: the device does not show the change, so it did not take effect.",
    }[new]
    keys = [command.pk for command in commands]
    DeviceCommand.objects.filter(pk__in=keys).move(old, new, detail=detail, check_at=None)
    moved = DeviceCommand.objects.filter(pk__in=keys, status=new).select_related("request")
    recording.record_moved(READBACK_VERB[new], list(moved), None, detail=detail)


def queue_held(held: DeviceCommandQuerySet) -> None:
    """Queue held commands: their start time has come, or their request was resumed."""
    request_ids = list(held.order_by().values_list("request_id", flat=True).distinct())
    for request_id in request_ids:
        count = held.filter(request=request_id).move(S.HELD, S.QUEUED)
        recording.record_count(request_id, Verb.COMMANDS_RELEASED, count)
    recording.bump_version(request_ids)


def expire(at: datetime) -> int:
    """Expire the commands that were not sent by their time to give up; return how many."""
    late = DeviceCommand.objects.filter(
        expires_at__lte=at, settled_at=None, status__in=[S.HELD, S.QUEUED]
    )
    request_ids = list(late.order_by().values_list("request_id", flat=True).distinct())
    count = 0
    for request_id in request_ids:
        detail = "It was not sent before its time to give up."
        withdrawn, _ = withdraw(late.filter(request=request_id), S.EXPIRED, detail)
        recording.record_withdrawn(request_id, Verb.COMMANDS_EXPIRED, withdrawn)
        count += len(withdrawn)
    recording.bump_version(request_ids)
    return count


def withdraw(
    rows: DeviceCommandQuerySet, new: CommandStatus, detail: str
) -> tuple[recording.Withdrawn, int]:
    """Cancel or expire the waiting commands of one request; return them, and the count in doubt.

    Call it under the account's lock, so that no dispatcher moves them meanwhile. A command that
    waits to be sent again may have taken effect in its earlier call: it becomes *unconfirmed*.
    """
    waiting = rows.filter(status__in=[S.HELD, S.QUEUED], in_doubt=True).select_related("request")
    in_doubt = _mark_in_doubt(list(waiting), detail)
    recording.record_moved(Verb.COMMANDS_UNCONFIRMED, in_doubt, None, detail=detail)
    sure = rows.filter(in_doubt=False, status__in=[S.HELD, S.QUEUED])
    withdrawn = list(sure.order_by("id").values_list("target", "device_key"))
    for old in (S.QUEUED, S.HELD):
        sure.move(old, new, detail=detail)
    return withdrawn, len(in_doubt)


def doubt_all(reason: str) -> int:
    """Mark all commands unconfirmed that wait or are in a call; return how many.

    The call that carried them last is not known, so they have none.
    """
    waiting = DeviceCommand.objects.filter(status__in=[S.QUEUED, S.HELD, S.SENDING])
    waiting = waiting.order_by("id").select_related("request")
    count = 0
    while commands := list(waiting[:DOUBTED_AT_ONCE]):
        by_kind: dict[str, Commands] = defaultdict(list)
        for command in commands:
            by_kind[command.request.kind_name].append(command)
        for kind, rows in by_kind.items():
            check_at = _first_check(S.UNCONFIRMED, kind)
            doubt = {"in_doubt": True, "call": None, "checks": 0, "check_at": check_at}
            moved = _move(rows, S.UNCONFIRMED, detail=reason, **doubt)
            recording.record_moved(Verb.COMMANDS_UNCONFIRMED, moved, None, detail=reason)
            count += len(moved)
    return count


def settle_stranded(at: datetime) -> None:
    """Mark the commands unconfirmed whose call has ended without settling them.

    That is so only if both the result of the call and its loss could not be recorded.
    """
    late = Q(call__replied_at__lt=at - STRANDED) | Q(call__state=CallState.LOST)
    ended = DeviceCommand.objects.filter(late, status=S.SENDING)
    keys = ended.order_by().values_list("call", flat=True).distinct()
    for call in VendorCall.objects.filter(pk__in=list(keys)):
        mark_unconfirmed(call, call.detail or "The result of its call could not be recorded.")


def _mark_in_doubt(commands: Commands, detail: str) -> Commands:
    """Mark commands of one kind unconfirmed that were sent before and will not be sent again."""
    if not commands:
        return []
    check_at = _first_check(S.UNCONFIRMED, commands[0].request.kind_name)
    detail = f"{detail} An earlier call with it had no answer, so it may have taken effect."
    return _move(commands, S.UNCONFIRMED, detail=detail, check_at=check_at)


def _carried(call: VendorCall) -> Commands:
    """Return the commands of the call that wait for its result, or that the sweeper gave up."""
    waiting = DeviceCommand.objects.filter(call=call, status__in=[S.SENDING, S.UNCONFIRMED])
    return list(waiting.select_related("request").order_by("id"))


def _first_check(status: CommandStatus, kind: str) -> datetime | None:
    """Return when a command with this new status is read back; None if no effect is observable."""
    wait = settings.ENGINE_VERIFY_AFTER
    if not KINDS[kind].observable or not wait or status not in (S.ACCEPTED, S.UNCONFIRMED):
        return None
    return clock.now() + timedelta(seconds=wait if status == S.ACCEPTED else wait / 6)


def _requeue_commands(commands: Commands, **changes: Any) -> Commands:
    """Requeue commands, unless a person cancelled or paused them while they were in the call.

    Commands that the sweeper gave up are not requeued: younger ones may have been sent since.
    """
    late = [c for c in commands if c.status == S.UNCONFIRMED and not c.in_doubt]
    in_call = [command for command in commands if command.status == S.SENDING]
    cancelled = [command for command in in_call if command.cancel_asked]
    rest = [command for command in in_call if not command.cancel_asked]
    held = [command for command in rest if command.request.paused]
    free = [command for command in rest if not command.request.paused]
    reason = "Cancelled while it was in a call."
    moved = _move(late, S.FAILED, detail=f"It was not done. {changes['detail']}", check_at=None)
    moved += _mark_in_doubt([command for command in cancelled if command.in_doubt], reason)
    moved += _move([c for c in cancelled if not c.in_doubt], S.CANCELLED, detail=reason)
    moved += _move(held, S.HELD, **(changes | {"due_at": FAR_FUTURE}))
    return moved + _move(free, S.QUEUED, **changes)


def _may_repeat(command: DeviceCommand, call: VendorCall) -> bool:
    """Return whether to send it again automatically; not if a person has stopped it meanwhile."""
    stopped = command.cancel_asked or command.request.paused or command.status != S.SENDING
    safe = KINDS[call.kind_name].idempotent
    return safe and command.attempts < MAX_ATTEMPTS and not stopped


def _outcome(result: DeviceResult | None, call: VendorCall) -> tuple[CommandStatus, Changes]:
    """Return the status that a result means, and the columns to store with it."""
    http = ("http_status", call.http_status)
    if result is None:
        missing = "The vendor's answer does not name this device exactly once."
        return S.UNCONFIRMED, (http, ("detail", missing))
    status = VENDOR_STATUS.get(result.status) if result.status is not None else None
    unknown = f"The vendor answered with an unknown status: {result.raw[:60]}."
    return status or S.UNCONFIRMED, (
        http,
        ("vendor_status", result.status),
        ("vendor_raw", result.raw[:100]),
        ("command_id", result.command_id[:255]),
        ("detail", "" if status else unknown),
    )


def _move(commands: Commands, new: CommandStatus, **changes: Any) -> Commands:
    """Move the commands that still have the status they were read with; skip the others."""
    won: Commands = []
    for old in (S.SENDING, S.UNCONFIRMED, S.QUEUED, S.HELD):
        keys = [command.pk for command in commands if command.status == old and old != new]
        if keys and DeviceCommand.objects.filter(pk__in=keys).move(old, new, **changes):
            won += DeviceCommand.objects.filter(pk__in=keys, status=new).select_related("request")
    return won
