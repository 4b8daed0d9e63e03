"""What the page of one device shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from actions.action_requests.applicability import DeviceFacts, evaluate
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import UNDOABLE, WAITING, CommandStatus
from actions.catalog import FOR_EVER, ActionKind, offered_kinds
from actions.devices.filters import match_search
from actions.inventory.models import Device, DeviceMac
from actions.macs import normalise_mac
from actions.roles import Role, why_not

MAX_SEARCH = 200
"""Characters of a search; longer ones are cut."""

COMMANDS = 50
"""The latest commands of a device that its page shows."""

@dataclass(frozen=True, slots=True)
class Exemption:
    """Until when the device is exempted; `until` None is for ever, or not known if not `known`.

    `restarted` says that it was exempted already when it was exempted last: the vendor does not
    document whether the earlier end then stays.
    """

    known: bool
    until: datetime | None = None
    command: DeviceCommand | None = None
    restarted: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the end has come, although the device was still exempted when last read."""
        return self.until is not None and self.until <= now()


@dataclass(frozen=True, slots=True)
class ActionChoice:
    """An action for this device: yes, no, or None where it is not certain; and why."""

    kind: ActionKind
    allowed: bool | None
    why: str


def find(key: int) -> Device | None:
    """The device, with what waits to be looked at and the vendor's own words."""
    return Device.objects.select_related("refresh", "snapshot").filter(pk=key).first()


def find_one(text: str) -> Device | None:
    """The one device that these words name, or None; one that is gone if no listed one is meant.

    What names a device exactly is enough, also where another one's name holds the same words.
    """
    named = Q(vendor_id=text) | Q(name=text) | Q(host_name=text) | Q(ip=text)
    if mac := normalise_mac(text):
        named |= Q(pk__in=DeviceMac.objects.filter(mac=mac).values("device_id"))
    holds = match_search(text)
    for listed in (True, False):
        for meant in (named, holds):
            found = list(Device.objects.filter(meant, gone_at__isnull=listed)[:2])
            if found:
                return found[0] if len(found) == 1 else None
    return None


def macs(device: Device) -> list[str]:
    """Its hardware addresses."""
    return list(device.macs.order_by("id").values_list("mac", flat=True))


def commands(device: Device, addresses: list[str]) -> list[DeviceCommand]:
    """What was asked of it, the latest first, however it was addressed."""
    rows = DeviceCommand.objects.filter(device_key__in=[device.vendor_id, *addresses])
    return list(rows.select_related("request", "call", "agent_log").order_by("-id")[:COMMANDS])


def is_waiting(commands: list[DeviceCommand]) -> bool:
    """Whether the engine still has something to do for it."""
    return any(command.status in WAITING for command in commands)


def exemption(device: Device, commands: list[DeviceCommand]) -> Exemption | None:
    """Until when it is exempted, as far as our own accepted commands tell; None if it is not."""
    if device.status != "exempted":
        return None
    changes = ("exempt", "unexempt", "delete")
    asked = (each for each in commands if each.request.kind_name in changes and _counts(each))
    last = next(asked, None)
    hours = last.request.params.get("exempt_time") if last else None
    if last is None or last.request.kind_name != "exempt" or not isinstance(hours, int):
        return Exemption(known=False)
    began = (last.call and last.call.replied_at) or last.moved_at
    until = None if hours == FOR_EVER else began + timedelta(hours=hours)
    return Exemption(True, until, last, restarted=last.device_status == "exempted")


def _counts(command: DeviceCommand) -> bool:
    """Whether it may have changed the device: one whose outcome nobody knows hides all before."""
    return command.status in UNDOABLE or command.status == CommandStatus.UNCONFIRMED


def choices(device: Device, role: Role) -> list[ActionChoice]:
    """Each action with what stands against it, first what is possible, last what is not."""
    kinds = offered_kinds(settings.OPSWAT_ACTION_VERSION)
    found = [_choice(device, role, kind) for kind in kinds]
    return sorted(found, key=lambda each: (True, None, False).index(each.allowed))


def _choice(device: Device, role: Role, kind: ActionKind) -> ActionChoice:
    """What stands against it: the role, the device being gone, or the vendor's rules."""
    refusal = why_not(role, kind.name, 1)
    if refusal:
        return ActionChoice(kind, False, refusal[1])
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
    return ActionChoice(kind, verdict.allowed, "" if verdict.allowed else verdict.words)
