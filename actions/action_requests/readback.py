"""Look at devices again: did what the vendor accepted happen, and what of what nobody knows?

One Device Details call tells of up to fifty devices. It also renews what the inventory knows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from actions.action_requests import outcomes
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.catalog import KINDS
from actions.inventory.models import DeviceGroup
from actions.inventory.refresh import DetailRead
from actions.opswat.payloads import DeviceRecord
from actions.ratelimit import clock, limiter
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

S = CommandStatus

MAX_CHECKS = 3
"""Looks after which a change that does not show is called not seen."""


def due(status: CommandStatus, at: datetime) -> DetailRead | None:
    """Up to a call's worth of devices that should be looked at by now."""
    rows = DeviceCommand.objects.filter(status=status, check_at__lte=at).order_by("check_at")
    found = list(rows[: settings.OPSWAT_MAX_DEVICES])
    if not found:
        return None
    ids = dict.fromkeys(row.device_vendor_id or row.target for row in found)
    return DetailRead(tuple(row.pk for row in found), tuple(ids), found[0].check_at or at)


def claim(looks: DetailRead, at: datetime, lane: Lane) -> VendorCall:
    """Open the call, and keep other pumps from looking at the same devices meanwhile."""
    call = limiter.open_call(at, lane, "detail", device_count=len(looks.ids))
    DeviceCommand.objects.filter(pk__in=looks.commands).update(check_at=call.lease_until)
    return call


def reconcile(looks: DetailRead, records: Sequence[DeviceRecord]) -> None:
    """Settle each command by what its device shows now."""
    by_id = {record.vendor_id.lower(): record for record in records}
    by_id |= {mac.lower(): record for record in records for mac in record.macs}
    groups = dict(DeviceGroup.objects.values_list("vendor_id", "name"))
    commands = DeviceCommand.objects.filter(
        pk__in=looks.commands, status__in=[S.ACCEPTED, S.UNCONFIRMED]
    ).select_related("request", "device")
    names = {row.pk: _names(row, _record_of(row, by_id)) for row in commands}
    others = _others(set().union(*names.values()))
    seen: dict[tuple[CommandStatus, CommandStatus], list[DeviceCommand]] = {}
    for command in commands:
        about = [other for name in names[command.pk] for other in others.get(name, ())]
        if _is_ambiguous(command, about):
            DeviceCommand.objects.filter(pk=command.pk).update(check_at=None)
            continue
        record = _record_of(command, by_id)
        shows = _effect_visible(command, record, groups)
        new = _verdict(command, shows=shows, was_so=_was_already(command, groups))
        if new is None:
            _retry_later(command)
        else:
            seen.setdefault((CommandStatus(command.status), new), []).append(command)
    for (old, new), rows in seen.items():
        outcomes.confirm(rows, old, new)


def requeue(looks: DetailRead) -> None:
    """The look did not succeed: look again in a while."""
    later = clock.now() + timedelta(seconds=settings.ENGINE_VERIFY_AFTER)
    DeviceCommand.objects.filter(pk__in=looks.commands, check_at__isnull=False).update(
        check_at=later
    )


def _record_of(command: DeviceCommand, by_id: dict[str, DeviceRecord]) -> DeviceRecord | None:
    return by_id.get((command.device_vendor_id or command.target).lower())


def _names(command: DeviceCommand, record: DeviceRecord | None) -> set[str]:
    """All that a device is called in commands: one may name it before the inventory knows it."""
    return {command.device_key} | ({record.vendor_id, *record.macs} if record else set())


def _others(names: set[str]) -> dict[str, list[DeviceCommand]]:
    """By name of the device, all that was sent to it, if it can be seen and may have happened."""
    shown = [kind.name for kind in KINDS.values() if kind.shows]
    rows = DeviceCommand.objects.filter(
        device_key__in=names, call__isnull=False, request__kind_name__in=shown
    ).exclude(status__in=[S.FAILED, S.UNSUPPORTED])
    found: dict[str, list[DeviceCommand]] = {}
    for row in rows.select_related("request"):
        found.setdefault(row.device_key, []).append(row)
    return found


def _is_ambiguous(command: DeviceCommand, others: Iterable[DeviceCommand]) -> bool:
    """Whether the device may look as it does because of another command.

    That is so when a later call carried one, and for an unconfirmed command also when an earlier
    one had not been seen on the device before this one was asked for.
    """
    calls = command.call_id or 0
    for other in others:
        if (other.call_id or 0) > calls:
            return True
        was_seen = other.status == S.CONFIRMED and other.moved_at <= command.created_at
        if was_seen and other.request.kind_name == command.request.kind_name == "delete":
            return True  # What is gone already cannot show that it was deleted once more.
        if command.status == S.UNCONFIRMED and (other.call_id or 0) < calls and not was_seen:
            return True
    return False


def _effect_visible(
    command: DeviceCommand, record: DeviceRecord | None, groups: dict[str, str]
) -> bool | None:
    """Whether the device shows what was asked; None where its record cannot tell."""
    kind = command.request.kind_name
    if kind == "delete":
        return record is None
    if record is None:
        return None
    if kind == "assign_to_group":
        name = groups.get(command.request.params.get("group_id", ""))
        return None if not name or not record.group_name else record.group_name == name
    return _is_so(kind, record.status) if record.status else None


def _is_so(kind: str, status: str) -> bool:
    """Whether a device of that status is as `kind` makes it."""
    named = {"exempt": "exempted", "unexempt": "exempted"}.get(kind, "ignored")
    return (status == named) == (kind in ("exempt", "ignore"))


def _was_already(command: DeviceCommand, groups: dict[str, str]) -> bool:
    """Whether the device was so already when it was asked for, or may have been."""
    kind, device = command.request.kind_name, command.device
    if kind == "delete":
        return device is None or bool(device.gone_at and device.gone_at <= command.created_at)
    if kind == "assign_to_group":
        wanted = groups.get(command.request.params.get("group_id", ""))
        return command.device_group in ("", wanted)
    return not command.device_status or _is_so(kind, command.device_status)


def _verdict(command: DeviceCommand, *, shows: bool | None, was_so: bool) -> CommandStatus | None:
    """The status that a look leads to, or None: look again, or leave it as it is.

    An unconfirmed change of a device that was so before tells nothing: it stays open.
    """
    last = command.checks + 1 >= MAX_CHECKS
    if command.status == S.ACCEPTED:
        return S.CONFIRMED if shows else (S.NOT_SEEN if last and shows is False else None)
    if shows and not was_so:
        return S.ACCEPTED
    return S.FAILED if last and shows is False else None


def max_interval() -> timedelta:
    """No look lies further ahead than this."""
    return timedelta(seconds=settings.ENGINE_VERIFY_AFTER * 3**MAX_CHECKS)


def _retry_later(command: DeviceCommand) -> None:
    """Look again after a pause that grows; after the last look a person must decide."""
    looks = command.checks + 1
    pause = timedelta(seconds=settings.ENGINE_VERIFY_AFTER * 3**looks)
    later = None if looks >= MAX_CHECKS else clock.now() + pause
    DeviceCommand.objects.filter(pk=command.pk).update(checks=looks, check_at=later)
