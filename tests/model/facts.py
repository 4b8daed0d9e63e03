"""Checks that must hold in every run, with any faults."""

from collections import Counter, defaultdict
from typing import Any

from django.db.models import Count, F, Q

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import WAITING, CommandStatus
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_OPEN, LOG_STORED
from actions.audit.replay import replay
from actions.catalog import KINDS
from actions.inventory.models import Device, DeviceRefresh, InventorySync
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState
from actions.trail.models import AuditEvent
from tests.model.vendor import worst_window
from tests.model.world import World

S = CommandStatus

REPORTED_DONE = {S.ACCEPTED, S.CONFIRMED, S.NOT_SEEN}
NEVER_SENT = {S.CANCELLED, S.EXPIRED}
REPORTED_UNDONE = {S.FAILED, S.UNSUPPORTED}


def check_limit(world: World) -> None:
    """Check that no window exceeds the limit and no own call counts as another client's."""
    worst = worst_window(world.vendor.arrivals)
    assert worst <= world.vendor.limit, f"{worst} calls in a window; clock set {world.time.steps}"
    assert world.vendor.refused == 0
    foreign = VendorCall.objects.filter(state=CallState.FOREIGN).values_list("claimed_at", "id")
    assert not foreign, f"calls of another client at {list(foreign)}; clock set {world.time.steps}"


def check_order(world: World) -> None:
    """Check that no two open calls name the same device."""
    rows = DeviceCommand.objects.filter(status=S.SENDING, coalesced=False)
    keys = Counter(rows.values_list("device_key", flat=True))
    assert not [key for key, number in keys.items() if number > 1]


def unfinished() -> list[Any]:
    """Return up to three rows that the engine still has to process."""
    for left in (
        DeviceCommand.objects.filter(status__in=WAITING).values(),
        DeviceCommand.objects.filter(check_at__isnull=False).values(),
        VendorCall.objects.filter(state=CallState.SENDING).values(),
        InventorySync.objects.filter(running=True).values(),
        DeviceRefresh.objects.filter(due_at__isnull=False).values(),
        AgentLog.objects.filter(open=True).values(),
    ):
        if left.exists():
            return list(left[:3])
    return []


def check_finished() -> None:
    """Check that no row is left in a transient state."""
    left = unfinished()
    assert not left, left


def check_inventory(world: World) -> None:
    """Check that the inventory equals the vendor's devices; call it after a read without faults."""
    known = Device.objects.filter(gone_at=None).values_list("vendor_id", "status")
    assert dict(known) == {name: each.status for name, each in world.vendor.devices.items()}


def check_sums() -> None:
    """Check that a request has a command for each device, and each command one outcome."""
    action_requests = ActionRequest.objects.annotate(found=Count("commands"))
    assert not action_requests.exclude(found=F("device_count")).exists()
    waits = Q(status__in=WAITING)
    odd = DeviceCommand.objects.filter(
        (waits & Q(settled_at__isnull=False)) | (~waits & Q(settled_at=None))
    )
    assert not odd.exists()


def check_repeats(world: World) -> None:
    """Check that non-idempotent actions ran at most as often as they were requested."""
    asked: Counter[tuple[str, str]] = Counter()
    rows = DeviceCommand.objects.values_list("request__kind_name", "target")
    for kind, target in rows:
        asked[kind, world.vendor.macs.get(target, target)] += 1
    for (kind, name), times in world.vendor.applied.items():
        if not KINDS[kind].idempotent:
            assert times <= asked[kind, name], f"{kind} was done {times} times to {name}"


def check_truth(world: World) -> None:
    """Check that each reported outcome agrees with what the vendor did."""
    calls: dict[int, list[int]] = defaultdict(list)
    for call, rows in world.sent.items():
        for row in rows:
            calls[row.pk].append(call)
    for row in DeviceCommand.objects.iterator():
        done = [c for c in calls[row.pk] if row.target in world.vendor.done_in.get(c, ())]
        label = f"{row.pk} {row.target} is {row.status} ({row.detail}); calls {calls[row.pk]}"
        if row.status in REPORTED_DONE:
            assert done, f"never done: {label}{_history(row)}"
        if row.status in NEVER_SENT:
            assert not done, f"done: {label}"
        if row.status in REPORTED_UNDONE:
            # The last of several automatic attempts may fail although the first took effect.
            assert not done or done[-1] != calls[row.pk][-1], f"done: {label}"


def _history(row: DeviceCommand) -> str:
    """List all commands of the same device, for the assertion message."""
    rows = DeviceCommand.objects.filter(device_key=row.device_key).order_by("id")
    return "".join(
        f"\n{other.pk} {other.request.kind_name} {other.request.params} {other.status} "
        f"call {other.call_id}, asked {other.created_at}, moved {other.moved_at}, "
        f"was {other.device_status}: {other.detail}"
        for other in rows
    )


def check_trail() -> None:
    """Check that the trail alone rebuilds the outcomes of exactly the stored commands."""
    lines: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    events = AuditEvent.objects.filter(subject_kind="request").order_by("id")
    for subject, verb, data in events.values_list("subject", "verb", "data"):
        lines[subject].append((verb, data))
    outcomes = {
        (subject, target): replayed
        for subject, some in lines.items()
        for target, replayed in replay(some).items()
    }
    columns = ("request__uuid", "target", "status", "command_id", "vendor_status")
    for action_request, target, status, command_id, code in DeviceCommand.objects.values_list(
        *columns
    ):
        replayed = outcomes.pop((str(action_request), target))
        if replayed.waits:
            # The trail holds only counts of the commands that are queued, held or in a call.
            assert status in WAITING
        else:
            assert status == replayed.status
            assert replayed.command_id in (None, command_id)
            assert replayed.command_id is None or replayed.code == code
    assert not outcomes


def check_logs() -> None:
    """Check that accepted fetches with a command ID have a log, and only ready logs a file."""
    fetched = DeviceCommand.objects.filter(request__kind_name="fetch_agent_log")
    accepted = fetched.filter(status=S.ACCEPTED).exclude(command_id="")
    assert not accepted.filter(agent_log=None).exists()
    is_stored = Q(status__in=LOG_STORED)
    odd = (is_stored & Q(stored_as="")) | (~is_stored & ~Q(stored_as=""))
    assert not AgentLog.objects.filter(odd).exists()
    assert not AgentLog.objects.filter(open=False, status__in=LOG_OPEN).exists()
    assert not AgentLog.objects.filter(open=True).exclude(status__in=LOG_OPEN).exists()


def check_all(world: World) -> None:
    """Run the checks that must hold at any time."""
    check_limit(world)
    check_order(world)
    check_sums()
    check_repeats(world)
    check_truth(world)
    check_trail()
    check_logs()
