"""What must be true of every run, whatever happened in it."""

from collections import Counter, defaultdict
from typing import Any

from django.db.models import Count, F, Q

from actions.catalog import KINDS
from actions.models import ActionRequest, AuditEvent, DeviceCommand, InventorySync, VendorCall
from actions.states import WAITING, CallState, CommandStatus
from tests.model.vendor import worst_window
from tests.model.world import World

S = CommandStatus

SAID_DONE = {S.ACCEPTED, S.CONFIRMED, S.NOT_SEEN}
NEVER_SENT = {S.CANCELLED, S.EXPIRED}
SAID_UNDONE = {S.FAILED, S.UNSUPPORTED}


def check_limit(world: World) -> None:
    """The vendor never saw more than its limit, and nobody was taken for a stranger."""
    worst = worst_window(world.vendor.arrivals)
    assert worst <= world.vendor.limit, f"{worst} calls in a window; clock set {world.time.steps}"
    assert world.vendor.refused == 0
    foreign = VendorCall.objects.filter(state=CallState.FOREIGN).values_list("claimed_at", "id")
    assert not foreign, f"strangers at {list(foreign)}; clock set {world.time.steps}"


def check_order(world: World) -> None:
    """No two open calls name one device."""
    rows = DeviceCommand.objects.filter(status=S.SENDING, rides=False)
    keys = Counter(rows.values_list("device_key", flat=True))
    assert not [key for key, number in keys.items() if number > 1]


def unfinished() -> list[Any]:
    """Some of what the engine still has to do by itself."""
    for left in (
        DeviceCommand.objects.filter(status__in=WAITING).values(),
        DeviceCommand.objects.filter(check_at__isnull=False).values(),
        VendorCall.objects.filter(state=CallState.SENDING).values(),
        InventorySync.objects.filter(running=True).values(),
    ):
        if left.exists():
            return list(left[:3])
    return []


def check_finished() -> None:
    """Nothing is left in a passing state."""
    assert not unfinished()


def check_sums() -> None:
    """Every wish has a command for each of its devices, and each command one outcome."""
    wishes = ActionRequest.objects.annotate(found=Count("commands"))
    assert not wishes.exclude(found=F("device_count")).exists()
    waits = Q(status__in=WAITING)
    odd = DeviceCommand.objects.filter(
        (waits & Q(settled_at__isnull=False)) | (~waits & Q(settled_at=None))
    )
    assert not odd.exists()


def check_repeats(world: World) -> None:
    """What is not safe to repeat happened at most as often as it was asked for."""
    asked: Counter[tuple[str, str]] = Counter()
    rows = DeviceCommand.objects.values_list("request__kind_name", "target")
    for kind, target in rows:
        asked[kind, world.vendor.macs.get(target, target)] += 1
    for (kind, name), times in world.vendor.applied.items():
        if not KINDS[kind].safe_to_repeat:
            assert times <= asked[kind, name], f"{kind} was done {times} times to {name}"


def check_truth(world: World) -> None:
    """Nobody is told that something was done which was not, or that it was not when it was."""
    calls: dict[int, list[int]] = defaultdict(list)
    for call, rows in world.sent.items():
        for row in rows:
            calls[row.pk].append(call)
    for row in DeviceCommand.objects.iterator():
        done = [c for c in calls[row.pk] if row.target in world.vendor.done_in.get(c, ())]
        told = f"{row.pk} {row.target} is {row.status} ({row.detail}); calls {calls[row.pk]}"
        if row.status in SAID_DONE:
            assert done, f"never done: {told}{_history(row)}"
        if row.status in NEVER_SENT:
            assert not done, f"done: {told}"
        if row.status in SAID_UNDONE:
            # What is repeated by itself may fail at last although it was done at first.
            assert not done or done[-1] != calls[row.pk][-1], f"done: {told}"


def _history(row: DeviceCommand) -> str:
    """All that was asked of the same device, for the message of a failure."""
    rows = DeviceCommand.objects.filter(device_key=row.device_key).order_by("id")
    return "".join(
        f"\n{other.pk} {other.request.kind_name} {other.request.params} {other.status} "
        f"call {other.call_id}, asked {other.created_at}, moved {other.moved_at}, "
        f"was {other.device_status}: {other.detail}"
        for other in rows
    )


def check_trail() -> None:
    """The trail tells every change: what it told last of a device is what its row says."""
    told: dict[tuple[str, str], str] = {}
    counted: Counter[tuple[str, str]] = Counter()
    for event in AuditEvent.objects.filter(subject_kind="request").order_by("id"):
        if event.verb in ("request.cancelled", "commands.expired"):
            counted[event.subject, event.verb] += event.data["count"]
        for line in event.data.get("devices", ()):
            told[event.subject, line["target"]] = line["status"]
            if line["status"] == S.CANCELLED:
                counted[event.subject, "request.cancelled"] += 1
    found: Counter[tuple[str, str]] = Counter()
    for wish, target, status in DeviceCommand.objects.values_list(
        "request__uuid", "target", "status"
    ):
        last = told.get((str(wish), target), S.QUEUED)
        if last in WAITING:
            # From here the trail tells counts only.
            assert status in WAITING | {S.CANCELLED, S.EXPIRED}
        else:
            assert status == last
        if status == S.CANCELLED:
            found[str(wish), "request.cancelled"] += 1
        elif status == S.EXPIRED:
            found[str(wish), "commands.expired"] += 1
    assert +counted == found


def check_all(world: World) -> None:
    """All that must be true at every moment."""
    check_limit(world)
    check_order(world)
    check_sums()
    check_repeats(world)
    check_truth(world)
    check_trail()
