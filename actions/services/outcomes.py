"""The one place where a sent command changes its status, together with its audit line."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import F

from actions import notify
from actions.catalog import KINDS
from actions.models import ActionRequest, DeviceCommand, VendorCall
from actions.services import trail
from actions.states import VENDOR_STATUS, CommandStatus
from actions.vendor.payloads import Receipt, ReceiptBook

MAX_ATTEMPTS = 3
"""Times that a kind which is safe to repeat is sent by itself before a person must decide."""

S = CommandStatus
Commands = list[DeviceCommand]
Changes = tuple[tuple[str, Any], ...]


def settle(call: VendorCall, book: ReceiptBook) -> None:
    """Give each command of the call what the vendor said of its device.

    A device that the answer leaves out, or answers oddly, is an unknown outcome, never a success.
    """
    groups: dict[tuple[CommandStatus, Changes], Commands] = defaultdict(list)
    for command in _carried(call):
        groups[_outcome(book.receipts.get(command.target), call)].append(command)
    moved: Commands = []
    for (status, changes), commands in groups.items():
        moved += _move(commands, status, **dict(changes))
    _record(call, "call.answered", moved)


def give_back(call: VendorCall, reason: str) -> None:
    """Nothing was done: the commands wait again."""
    moved = _move(_carried(call), S.QUEUED, detail=reason)
    _record(call, "call.not_done", moved, reason=reason)


def refuse(call: VendorCall, reason: str, http_status: int) -> None:
    """The vendor refused the call as a whole.

    One bad id must not fail 49 good ones: a refused call (400) of many devices is split in halves,
    until the bad device is alone.
    """
    carried = _carried(call)
    if http_status == 400 and len(carried) > 1:
        half = len(carried) // 2
        detail = "The vendor refused the call (400): sent again in halves to find the cause."
        moved = _move(carried[:half], S.QUEUED, detail=detail, batch=2 * call.pk)
        moved += _move(carried[half:], S.QUEUED, detail=detail, batch=2 * call.pk + 1)
        _record(call, "call.split", moved, reason=reason)
        return
    moved = _move(carried, S.FAILED, detail=reason, http_status=http_status)
    _record(call, "call.refused", moved, reason=reason)


def unconfirm(call: VendorCall, reason: str, http_status: int | None = None) -> None:
    """It was sent and no usable answer came: nobody knows whether it happened."""
    carried = _carried(call)
    again = [command for command in carried if _may_repeat(command, call)]
    rest = [command for command in carried if not _may_repeat(command, call)]
    moved = _move(again, S.QUEUED, detail=f"{reason} Safe to repeat: sent again by itself.")
    moved += _move(rest, S.UNCONFIRMED, detail=reason, http_status=http_status)
    _record(call, "call.unconfirmed", moved, reason=reason)


def _carried(call: VendorCall) -> Commands:
    """The commands of the call that still wait for its answer, or that lost it to the sweeper."""
    waiting = DeviceCommand.objects.filter(call=call, status__in=[S.SENDING, S.UNCONFIRMED])
    return list(waiting.select_related("request").order_by("id"))


def _may_repeat(command: DeviceCommand, call: VendorCall) -> bool:
    return KINDS[call.kind_name].safe_to_repeat and command.attempts < MAX_ATTEMPTS


def _outcome(receipt: Receipt | None, call: VendorCall) -> tuple[CommandStatus, Changes]:
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
    for old in (S.SENDING, S.UNCONFIRMED):
        group = [command for command in commands if command.status == old and old != new]
        if not group:
            continue
        keys = [command.pk for command in group]
        if DeviceCommand.objects.filter(pk__in=keys).move(old, new, **changes):
            won += DeviceCommand.objects.filter(pk__in=keys, status=new).select_related("request")
    return won


def _record(call: VendorCall, verb: str, moved: Commands, *, reason: str = "") -> None:
    """One audit line for each request that the call served, and a word to its open pages."""
    by_request: dict[ActionRequest, Commands] = defaultdict(list)
    for command in moved:
        by_request[command.request].append(command)
    for action_request, commands in by_request.items():
        trail.record(
            trail.ENGINE,
            verb,
            subject_kind="request",
            subject=str(action_request.uuid),
            reason=reason,
            call=call.pk,
            kind=action_request.kind_name,
            http_status=call.http_status,
            devices=[_line(command) for command in commands],
        )
    touch(by_request)


def _line(command: DeviceCommand) -> dict[str, Any]:
    line: dict[str, Any] = {"target": command.target, "status": command.status}
    if command.vendor_status is not None:
        line["code"] = command.vendor_status
    if command.command_id:
        line["command_id"] = command.command_id
    return line


def touch(action_requests: Iterable[ActionRequest]) -> None:
    """Give the requests a new version and tell their open pages after commit."""
    for action_request in action_requests:
        ActionRequest.objects.filter(pk=action_request.pk).update(version=F("version") + 1)
        notify.changed(f"request:{action_request.uuid}", action_request.version + 1)
    notify.changed("budget", 0)
