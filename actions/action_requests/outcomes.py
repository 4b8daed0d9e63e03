"""The one place where a sent command changes its status, together with its audit line."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils.timezone import now

from actions import on_commit
from actions.action_requests import events
from actions.action_requests.models import ActionRequest, DeviceCommand, DeviceCommandQuerySet
from actions.action_requests.states import VENDOR_STATUS, CommandStatus
from actions.catalog import KINDS
from actions.opswat.payloads import ActionResult, DeviceResult
from actions.ratelimit.models import VendorCall
from actions.trail import trail

MAX_ATTEMPTS = 3
"""Times that a kind which is safe to repeat is sent by itself before a person must decide."""

FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
"""When a paused command is due: only a person lets it go on."""

S = CommandStatus
Commands = list[DeviceCommand]
Withdrawn = list[tuple[str, str]]
"""Commands that were taken back: the target and the device's key of each."""
Changes = tuple[tuple[str, Any], ...]


def settle(call: VendorCall, book: ActionResult) -> None:
    """Give each command of the call what the vendor said of its device.

    A device that the answer leaves out, or answers oddly, is an unknown outcome, never a success.
    """
    groups: dict[tuple[CommandStatus, Changes], Commands] = defaultdict(list)
    for command in _carried(call):
        groups[_outcome(book.receipts.get(command.target), call)].append(command)
    moved: Commands = []
    for (status, changes), commands in groups.items():
        look = _first_check(status, call.kind_name)
        moved += _move(commands, status, **dict(changes), check_at=look)
    events.publish_accepted(moved)
    _record("call.answered", moved, call)


def requeue(call: VendorCall, reason: str) -> None:
    """Nothing was done: the commands wait again."""
    _record("call.not_done", _wait_again(_carried(call), detail=reason), call, reason=reason)


def reject(call: VendorCall, reason: str, http_status: int) -> None:
    """The vendor refused the call as a whole.

    One bad id must not fail 49 good ones: a refused call (400) of many devices is split in halves,
    until the bad device is alone.
    """
    carried = _carried(call)
    targets = list(dict.fromkeys(command.target for command in carried))
    if http_status == 400 and len(targets) > 1:
        first = set(targets[: len(targets) // 2])
        detail = "The vendor refused the call (400): sent again in halves to find the cause."
        half = [command for command in carried if command.target in first]
        rest = [command for command in carried if command.target not in first]
        moved = _wait_again(half, detail=detail, split_group=2 * call.pk)
        moved += _wait_again(rest, detail=detail, split_group=2 * call.pk + 1)
        _record("call.split", moved, call, reason=reason)
        return
    # What is repeated may have been done by the call before, which had no answer.
    in_doubt = [command for command in carried if command.in_doubt]
    sure = [command for command in carried if not command.in_doubt]
    moved = _mark_in_doubt(in_doubt, reason)
    moved += _move(sure, S.FAILED, detail=reason, http_status=http_status or None)
    _record("call.refused", moved, call, reason=reason)


def mark_unconfirmed(call: VendorCall, reason: str, http_status: int | None = None) -> None:
    """It was sent and no usable answer came: nobody knows whether it happened."""
    carried = _carried(call)
    again = [command for command in carried if _may_repeat(command, call)]
    rest = [command for command in carried if not _may_repeat(command, call)]
    moved = _wait_again(
        again, in_doubt=True, detail=f"{reason} Safe to repeat: sent again by itself."
    )
    look = _first_check(S.UNCONFIRMED, call.kind_name)
    moved += _move(rest, S.UNCONFIRMED, detail=reason, http_status=http_status, check_at=look)
    _record("call.unconfirmed", moved, call, reason=reason)


def confirm(commands: Commands, old: CommandStatus, new: CommandStatus) -> None:
    """A later look at the devices tells what became of these commands."""
    said = {
        S.CONFIRMED: "Read back: the device shows the change.",
        S.NOT_SEEN: "Read back: the device does not show the change.",
        S.ACCEPTED: "Read back: the device shows the change, so it was done.",
        S.FAILED: "Read back: the device does not show the change, so it was not done.",
    }[new]
    keys = [command.pk for command in commands]
    DeviceCommand.objects.filter(pk__in=keys).move(old, new, detail=said, check_at=None)
    moved = DeviceCommand.objects.filter(pk__in=keys, status=new).select_related("request")
    _record(f"readback.{new}", list(moved), None, reason=said)


def queue_held(held: DeviceCommandQuerySet) -> None:
    """Held commands whose time has come, or whose request goes on, wait for their turn."""
    wishes = list(held.order_by().values_list("request_id", flat=True).distinct())
    for wish in wishes:
        count = held.filter(request=wish).move(S.HELD, S.QUEUED)
        _record_count(wish, "commands.released", count)
    bump_version(wishes)


def expire(moment: datetime) -> int:
    """Give up what was to be given up by now and was not sent; returns how many commands."""
    late = DeviceCommand.objects.filter(
        expires_at__lte=moment, settled_at=None, status__in=[S.HELD, S.QUEUED]
    )
    wishes = list(late.order_by().values_list("request_id", flat=True).distinct())
    gone = 0
    for wish in wishes:
        said = "Its time to give up came before its turn."
        taken, _ = withdraw(late.filter(request=wish), S.EXPIRED, said)
        _record_withdrawn_rows(wish, "commands.expired", taken)
        gone += len(taken)
    bump_version(wishes)
    return gone


def withdraw(rows: DeviceCommandQuerySet, new: CommandStatus, detail: str) -> tuple[Withdrawn, int]:
    """Cancel or expire those of one request that wait; returns which, and how many cannot be.

    Call it under the account's lock: then nobody moves them meanwhile. What waits to be repeated
    may have happened in its earlier call: that becomes *unconfirmed*.
    """
    waiting = rows.filter(status__in=[S.HELD, S.QUEUED], in_doubt=True).select_related("request")
    in_doubt = _mark_in_doubt(list(waiting), detail)
    _record("commands.unconfirmed", in_doubt, None, reason=detail)
    sure = rows.filter(in_doubt=False, status__in=[S.HELD, S.QUEUED])
    taken = list(sure.order_by("id").values_list("target", "device_key"))
    for old in (S.QUEUED, S.HELD):
        sure.move(old, new, detail=detail)
    return taken, len(in_doubt)


def _mark_in_doubt(commands: Commands, detail: str) -> Commands:
    """They will not be repeated, so nobody knows whether they happened; all of one kind."""
    if not commands:
        return []
    look = _first_check(S.UNCONFIRMED, commands[0].request.kind_name)
    said = f"{detail} An earlier call with it had no answer, so it may have happened."
    return _move(commands, S.UNCONFIRMED, detail=said, check_at=look)


def _carried(call: VendorCall) -> Commands:
    """The commands of the call that still wait for its answer, or that lost it to the sweeper."""
    waiting = DeviceCommand.objects.filter(call=call, status__in=[S.SENDING, S.UNCONFIRMED])
    return list(waiting.select_related("request").order_by("id"))


def _first_check(status: CommandStatus, kind: str) -> datetime | None:
    """When a command that has just got that status is read back; None where nothing would show."""
    wait = settings.ENGINE_VERIFY_AFTER
    if not KINDS[kind].shows or not wait or status not in (S.ACCEPTED, S.UNCONFIRMED):
        return None
    return now() + timedelta(seconds=wait if status == S.ACCEPTED else wait / 6)


def _wait_again(commands: Commands, **changes: Any) -> Commands:
    """Back to the queue, unless a person cancelled or paused them while they were in the call.

    Those that the sweeper had given up before do not wait again: others may have gone since.
    """
    late = [c for c in commands if c.status == S.UNCONFIRMED and not c.in_doubt]
    there = [command for command in commands if command.status == S.SENDING]
    cancelled = [command for command in there if command.cancel_asked]
    rest = [command for command in there if not command.cancel_asked]
    held = [command for command in rest if command.request.paused]
    free = [command for command in rest if not command.request.paused]
    said = "Cancelled while it was in a call."
    moved = _move(late, S.FAILED, detail=f"It was not done. {changes['detail']}", check_at=None)
    moved += _mark_in_doubt([command for command in cancelled if command.in_doubt], said)
    moved += _move([c for c in cancelled if not c.in_doubt], S.CANCELLED, detail=said)
    moved += _move(held, S.HELD, **changes, due_at=FAR_FUTURE)
    return moved + _move(free, S.QUEUED, **changes)


def _may_repeat(command: DeviceCommand, call: VendorCall) -> bool:
    """Whether to send it again by itself: not where a person has stopped it in the meantime."""
    stopped = command.cancel_asked or command.request.paused or command.status != S.SENDING
    safe = KINDS[call.kind_name].idempotent
    return safe and command.attempts < MAX_ATTEMPTS and not stopped


def _outcome(receipt: DeviceResult | None, call: VendorCall) -> tuple[CommandStatus, Changes]:
    """The status that a receipt means, and what is kept beside it; the same for alike devices."""
    http = ("http_status", call.http_status)
    if receipt is None:
        silence = "The vendor's answer does not name this device once and clearly."
        return S.UNCONFIRMED, (http, ("detail", silence))
    status = VENDOR_STATUS.get(receipt.status) if receipt.status is not None else None
    odd = f"The vendor answered with an unknown status: {receipt.raw[:60]}."
    return status or S.UNCONFIRMED, (
        http,
        ("vendor_status", receipt.status),
        ("vendor_raw", receipt.raw[:100]),
        ("command_id", receipt.command_id[:255]),
        ("detail", "" if status else odd),
    )


def _move(commands: Commands, new: CommandStatus, **changes: Any) -> Commands:
    """Move those that are still where they were; what somebody else moved is left alone."""
    won: Commands = []
    for old in (S.SENDING, S.UNCONFIRMED, S.QUEUED, S.HELD):
        keys = [command.pk for command in commands if command.status == old and old != new]
        if keys and DeviceCommand.objects.filter(pk__in=keys).move(old, new, **changes):
            won += DeviceCommand.objects.filter(pk__in=keys, status=new).select_related("request")
    return won


def _record(verb: str, moved: Commands, call: VendorCall | None, *, reason: str = "") -> None:
    """One audit line for each request that is concerned, and a word to its open pages."""
    by_request: dict[ActionRequest, Commands] = defaultdict(list)
    for command in moved:
        by_request[command.request].append(command)
    told: dict[str, Any] = {"call": call.pk, "http_status": call.http_status} if call else {}
    for action_request, commands in by_request.items():
        trail.record(
            trail.ENGINE,
            verb,
            subject_kind="request",
            subject=str(action_request.uuid),
            reason=reason,
            kind=action_request.kind_name,
            devices=[_line(command) for command in commands],
            about=[(command.device_key, str(command.status)) for command in commands],
            **told,
        )
    bump_version(action_request.pk for action_request in by_request)


def _record_count(wish: int, verb: str, count: int) -> None:
    uuid = ActionRequest.objects.values_list("uuid", flat=True).get(pk=wish)
    trail.record(trail.ENGINE, verb, subject_kind="request", subject=str(uuid), count=count)


def _record_withdrawn_rows(wish: int, verb: str, taken: Withdrawn) -> None:
    uuid = ActionRequest.objects.values_list("uuid", flat=True).get(pk=wish)
    trail.record(
        trail.ENGINE,
        verb,
        subject_kind="request",
        subject=str(uuid),
        count=len(taken),
        **record_withdrawn(taken, S.EXPIRED),
    )


def record_withdrawn(taken: Withdrawn, status: CommandStatus) -> dict[str, Any]:
    """What the trail says of commands that were taken back: each of them, by its target."""
    return {
        "status": status,
        "targets": [target for target, _ in taken],
        "about": [(key, str(status)) for _, key in taken],
    }


def _line(command: DeviceCommand) -> dict[str, Any]:
    line: dict[str, Any] = {"target": command.target, "status": command.status}
    if command.vendor_status is not None:
        line["code"] = command.vendor_status
    if command.command_id:
        line["command_id"] = command.command_id
    return line


def bump_version(wishes: Iterable[int]) -> None:
    """Give the requests with these keys a new version and tell their open pages after commit."""
    rows = ActionRequest.objects.filter(pk__in=set(wishes))
    rows.update(version=F("version") + 1)
    for uuid, version in rows.values_list("uuid", "version"):
        on_commit.changed(f"request:{uuid}", version)
