"""Read-back: reads devices again to see whether accepted or unconfirmed commands took effect.

One Device Details call reads up to fifty devices. It also refreshes the inventory.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from actions.action_requests import outcomes, recording
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.catalog import KINDS
from actions.inventory import refresh
from actions.inventory.models import DeviceGroup
from actions.inventory.refresh import DetailRead
from actions.opswat.payloads import DevicePage, DeviceRecord
from actions.ratelimit import clock, limiter
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

S = CommandStatus

MAX_CHECKS = 3
"""Read-backs of one command; after them a person must decide."""

TOLD_AFTER = {S.ACCEPTED: MAX_CHECKS, S.UNCONFIRMED: 2}
"""Read-backs after which a change that is not visible counts as not seen, or as not done.

Each observable kind changes the vendor's record at once (*assumed*: no page says otherwise). So a
change whose call had no answer shows within seconds or not at all: with ENGINE_VERIFY_AFTER = 60 it
is read after 10 s and 60 s later. An accepted one is only looked at in passing, in the lowest lane.
"""


def due(status: CommandStatus, at: datetime) -> DetailRead | None:
    """Return up to a call's worth of devices whose read-back is due."""
    rows = DeviceCommand.objects.filter(status=status, check_at__lte=at).order_by("check_at")
    found = list(rows[: settings.OPSWAT_MAX_DEVICES])
    if not found:
        return None
    ids = dict.fromkeys(row.device_vendor_id or row.target for row in found)
    return DetailRead(tuple(row.pk for row in found), tuple(ids), found[0].check_at or at)


def claim(read: DetailRead, at: datetime, lane: Lane) -> VendorCall:
    """Open the call, and put the read-back of its commands off until the lease ends."""
    call = limiter.open_call(at, lane, "detail", device_count=len(read.ids))
    DeviceCommand.objects.filter(pk__in=read.commands).update(check_at=call.lease_until)
    return call


def reconcile(read: DetailRead, page: DevicePage) -> None:
    """Settle each command by what its device's record shows now.

    A row that cannot be read may be that of any device that is missing.
    """
    by_id = {record.vendor_id.lower(): record for record in page.devices}
    by_id |= {mac.lower(): record for record in page.devices for mac in record.macs}
    groups = dict(DeviceGroup.objects.values_list("vendor_id", "name"))
    commands = DeviceCommand.objects.filter(
        pk__in=read.commands, status__in=[S.ACCEPTED, S.UNCONFIRMED]
    ).select_related("request", "device")
    names = {row.pk: _names(row, _record_of(row, by_id)) for row in commands}
    others = _others(set().union(*names.values()))
    seen: dict[tuple[CommandStatus, CommandStatus], list[DeviceCommand]] = {}
    for command in commands:
        same_device = [other for name in names[command.pk] for other in others.get(name, ())]
        if _is_ambiguous(command, same_device):
            DeviceCommand.objects.filter(pk=command.pk).update(check_at=None)
            continue
        record = _record_of(command, by_id)
        if record is None and page.dropped:
            _retry_later(command)
            continue
        visible = _effect_visible(command, record, groups)
        new = _new_status(command, visible=visible, was_already=_was_already(command, groups))
        if new is None:
            _retry_later(command)
        else:
            seen.setdefault((CommandStatus(command.status), new), []).append(command)
    for (old, new), rows in seen.items():
        outcomes.confirm(rows, old, new)
        if new == S.CONFIRMED:
            deleted = [row for row in rows if row.request.kind_name == "delete"]
            refresh.mark_as_gone(row.device_vendor_id for row in deleted)
    # Open pages show whether a read-back is still to come.
    recording.bump_version(command.request_id for command in commands)


def requeue(read: DetailRead, *, final: bool = False) -> None:
    """The read failed: read again after ENGINE_VERIFY_AFTER seconds.

    If it is `final`, each attempt counts as a read-back, so that there is an end to them.
    """
    if final:
        for command in DeviceCommand.objects.filter(pk__in=read.commands, check_at__isnull=False):
            _retry_later(command)
        return
    later = clock.now() + timedelta(seconds=settings.ENGINE_VERIFY_AFTER)
    commands = DeviceCommand.objects.filter(pk__in=read.commands, check_at__isnull=False)
    commands.update(check_at=later)
    recording.bump_version(commands.values_list("request_id", flat=True))


def _record_of(command: DeviceCommand, by_id: dict[str, DeviceRecord]) -> DeviceRecord | None:
    return by_id.get((command.device_vendor_id or command.target).lower())


def _names(command: DeviceCommand, record: DeviceRecord | None) -> set[str]:
    """Return all keys by which commands name the device; some predate its inventory record."""
    return {command.device_key} | ({record.vendor_id, *record.macs} if record else set())


def _others(names: set[str]) -> dict[str, list[DeviceCommand]]:
    """Return, by device key, the observable commands sent to it that may have taken effect."""
    observable = [kind.name for kind in KINDS.values() if kind.observable]
    sent = Q(call__isnull=False) | Q(in_doubt=True)  # After a restore the call is not known.
    rows = DeviceCommand.objects.filter(
        sent, device_key__in=names, request__kind_name__in=observable
    ).exclude(status__in=[S.FAILED, S.UNSUPPORTED])
    found: dict[str, list[DeviceCommand]] = {}
    for row in rows.select_related("request"):
        found.setdefault(row.device_key, []).append(row)
    return found


def _is_ambiguous(command: DeviceCommand, others: Iterable[DeviceCommand]) -> bool:
    """Return whether another command may have caused what the device shows.

    That is so in each of these cases, unless the other was confirmed before this one was requested:
    1. The other was sent in a later call, or the call of one of the two is not known.
    2. This one is unconfirmed, and the other was sent in an earlier call.

    It is also so if both are deletes, confirmed or not: a deleted device cannot show that it was
    deleted again.
    """
    for other in others:
        if other.pk == command.pk:
            continue
        confirmed_before = other.status == S.CONFIRMED and other.moved_at <= command.created_at
        both_delete = other.request.kind_name == command.request.kind_name == "delete"
        if confirmed_before:
            if both_delete:
                return True
            continue
        if other.call_id is None or command.call_id is None:
            return True
        is_earlier = other.call_id < command.call_id
        if other.call_id > command.call_id or (is_earlier and command.status == S.UNCONFIRMED):
            return True
    return False


def _effect_visible(
    command: DeviceCommand, record: DeviceRecord | None, groups: dict[str, str]
) -> bool | None:
    """Return whether the device shows the requested change; None if its record cannot tell."""
    kind = command.request.kind_name
    if kind == "delete":
        return _is_deleted(command, record)
    if record is None:
        return None
    if kind == "assign_to_group":
        name = groups.get(command.request.params.get("group_id", ""))
        return None if not name or not record.group_name else record.group_name == name
    return _has_state(kind, record.status) if record.status else None


def _is_deleted(command: DeviceCommand, record: DeviceRecord | None) -> bool | None:
    """Return whether the device is gone; None if only one answer says so.

    For an accepted delete that is enough: the vendor has said so before, in its answer to the call.
    """
    if record is not None:
        return False
    was_told = command.status == S.ACCEPTED or (command.device and command.device.gone_at)
    return True if was_told else None


def _has_state(kind: str, status: str) -> bool:
    """Return whether `status` is the one that `kind` leads to."""
    named = {"exempt": "exempted", "unexempt": "exempted"}.get(kind, "ignored")
    return (status == named) == (kind in ("exempt", "ignore"))


def _was_already(command: DeviceCommand, groups: dict[str, str]) -> bool:
    """Return whether the device had the requested state before, or may have had it."""
    kind, device = command.request.kind_name, command.device
    if kind == "delete":
        return device is None or bool(device.gone_at and device.gone_at <= command.created_at)
    if kind == "assign_to_group":
        wanted = groups.get(command.request.params.get("group_id", ""))
        return command.device_group in ("", wanted)
    return not command.device_status or _has_state(kind, command.device_status)


def _new_status(
    command: DeviceCommand, *, visible: bool | None, was_already: bool
) -> CommandStatus | None:
    """Return the status that a read-back leads to, or None to keep the present one.

    Now           The change is visible                   It is not, after TOLD_AFTER read-backs
    accepted      confirmed                               not seen
    unconfirmed   accepted; kept if it was so already     failed

    A record that cannot tell (`visible` is None) changes nothing.
    """
    last = command.checks + 1 >= TOLD_AFTER[CommandStatus(command.status)]
    if command.status == S.ACCEPTED:
        return S.CONFIRMED if visible else (S.NOT_SEEN if last and visible is False else None)
    if visible and not was_already:
        return S.ACCEPTED
    return S.FAILED if last and visible is False else None


def max_interval() -> timedelta:
    """Return the longest interval between two read-backs."""
    return timedelta(seconds=settings.ENGINE_VERIFY_AFTER * 3 ** (MAX_CHECKS - 1))


def _retry_later(command: DeviceCommand) -> None:
    """Read back again after a growing interval; after MAX_CHECKS a person must decide."""
    checks = command.checks + 1
    # The first read-back of an unconfirmed command comes early; the second a whole interval later.
    power = checks - 1 if command.status == S.UNCONFIRMED else checks
    interval = timedelta(seconds=settings.ENGINE_VERIFY_AFTER * 3**power)
    later = None if checks >= MAX_CHECKS else clock.now() + interval
    DeviceCommand.objects.filter(pk=command.pk).update(checks=checks, check_at=later)
