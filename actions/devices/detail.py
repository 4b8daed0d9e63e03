"""Reads for the page of one device."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from actions.action_requests.applicability import DeviceFacts, evaluate
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import UNDOABLE, WAITING, CommandStatus
from actions.catalog import EXEMPT_FOREVER, ActionKind, offered_kinds
from actions.devices.search import match_search
from actions.inventory.models import Device, DeviceMac
from actions.macs import normalise_mac
from actions.roles import Role, why_not

MAX_COMMANDS = 50
"""The page of a device shows this many of its latest commands."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """When a device's exemption ends.

    `until` is None if it never ends, or if the end is not known (`known` is False). `restarted`
    means that the last exemption was requested while the device was already exempted: the vendor
    does not document whether the earlier end then stays.
    """

    known: bool
    until: datetime | None = None
    command: DeviceCommand | None = None
    restarted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the end has passed, although the device was still exempted when last read."""
        return self.until is not None and self.until <= now()


@dataclass(frozen=True, slots=True)
class ActionChoice:
    """Whether an action is possible for a device (None: uncertain), and why not."""

    kind: ActionKind
    allowed: bool | None
    why: str


def find(key: int) -> Device | None:
    """Return the device with its pending refresh and the vendor's record."""
    return Device.objects.select_related("refresh", "snapshot").filter(pk=key).first()


def find_by_search(text: str) -> Device | None:
    """Return the only device that matches a search, else None.

    An exact id, name, address or MAC wins over devices whose texts only contain it; listed
    devices win over those that are gone.
    """
    exact = Q(vendor_id=text) | Q(name=text) | Q(host_name=text) | Q(ip=text)
    if mac := normalise_mac(text):
        exact |= Q(pk__in=DeviceMac.objects.filter(mac=mac).values("device_id"))
    contains = match_search(text)
    for listed in (True, False):
        for condition in (exact, contains):
            found = list(Device.objects.filter(condition, gone_at__isnull=listed)[:2])
            if found:
                return found[0] if len(found) == 1 else None
    return None


def macs_of(device: Device) -> list[str]:
    """Return the MAC addresses of a device, in the vendor's order."""
    return list(device.macs.order_by("id").values_list("mac", flat=True))


def latest_commands(device: Device, macs: list[str]) -> list[DeviceCommand]:
    """Return the latest commands for a device, newest first, addressed by its id or a MAC."""
    rows = DeviceCommand.objects.filter(device_key__in=[device.vendor_id, *macs])
    return list(rows.select_related("request", "call", "agent_log").order_by("-id")[:MAX_COMMANDS])


def is_waiting(commands: list[DeviceCommand]) -> bool:
    """Return whether any of these commands has yet to reach its final status."""
    return any(command.status in WAITING for command in commands)


def current_exemption(device: Device, commands: list[DeviceCommand]) -> Exemption | None:
    """Return when the exemption ends, going by our own accepted commands; None if not exempted."""
    if device.status != "exempted":
        return None
    kinds = ("exempt", "unexempt", "delete")
    changes = (each for each in commands if each.request.kind_name in kinds and _may_count(each))
    last = next(changes, None)
    hours = last.request.params.get("exempt_time") if last else None
    if last is None or last.request.kind_name != "exempt" or not isinstance(hours, int):
        return Exemption(known=False)
    started_at = (last.call and last.call.replied_at) or last.moved_at
    until = None if hours == EXEMPT_FOREVER else started_at + timedelta(hours=hours)
    return Exemption(True, until, last, restarted=last.device_status == "exempted")


def _may_count(command: DeviceCommand) -> bool:
    """Return whether a command may have changed the device; an unconfirmed one may have."""
    return command.status in UNDOABLE or command.status == CommandStatus.UNCONFIRMED


def action_choices(device: Device, role: Role) -> list[ActionChoice]:
    """Return every action with the reason against it: possible first, then uncertain, then not."""
    kinds = offered_kinds(settings.OPSWAT_ACTION_VERSION)
    choices = [_action_choice(device, role, kind) for kind in kinds]
    return sorted(choices, key=lambda each: (True, None, False).index(each.allowed))


def _action_choice(device: Device, role: Role, kind: ActionKind) -> ActionChoice:
    """Check an action against the role, the device's presence and the vendor's rules."""
    if problem := why_not(role, kind.name, 1):
        return ActionChoice(kind, False, problem.text)
    if device.gone_at:
        return ActionChoice(kind, False, "The vendor no longer lists this device.")
    facts = DeviceFacts(
        status=device.status,
        agent_type=device.agent_type,
        os_family=device.os_family,
        agent_version=device.agent_version,
        read_at=device.read_at,
    )
    verdict = evaluate(kind, settings.OPSWAT_ACTION_VERSION, facts, now())
    return ActionChoice(kind, verdict.allowed, "" if verdict.allowed else verdict.explanation)
