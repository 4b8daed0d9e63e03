"""What retention removes from the database, each part in pieces.

Nothing goes that the engine still needs: a request goes as a whole, when none of its commands has
anything to come; a call when no command and no agent log refers to it, it holds no slot, and it is
not one of the newest, of which the epoch must know the last.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_OPEN, LOG_STORED
from actions.audit.models import AuditJob
from actions.inventory.models import (
    Device,
    DeviceAlias,
    DeviceMac,
    DeviceRefresh,
    DeviceSnapshot,
    InventorySync,
)
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState
from actions.retention.pieces import Run
from actions.selections.models import SelectedDevice

NEWEST_CALLS = 1_000
"""Calls that stay whatever their age: the forecast, the scheduler and the epoch read them."""

NEWEST_READS = 100
"""Reads of the inventory that stay whatever their age."""

MOST_MARKED = 500
MOST_COMMANDS = 10_000
"""Requests that are removed together, and their commands, unless one has more alone."""

DB = "default"


def remove_requests(run: Run, before: datetime) -> None:
    """Remove requests whose commands have all ended before a time, with all that is theirs.

    They are marked first and hidden by that, so that nobody ever sees a part of one; a run that
    was killed left marked ones behind, which go first.
    """
    after = 0
    while run.go_on():
        marked = list(_marked().order_by("pk").values_list("pk", flat=True)[:MOST_MARKED])
        if marked:
            if not _remove_marked(run, marked, before):
                return
            continue
        seen = after
        after = _mark(run, before, after)
        if after == seen:
            return


def _marked() -> QuerySet[ActionRequest]:
    """Requests that are being removed, except one that a newer request still refers to."""
    return ActionRequest.everything.filter(~Exists(_children()), removing=True)


def _children() -> QuerySet[ActionRequest]:
    return ActionRequest.everything.filter(parent=OuterRef("pk"))


def _mark(run: Run, before: datetime, after: int) -> int:
    """Mark the next removable requests; return the key of the last one that was looked at."""
    old = ActionRequest.objects.filter(pk__gt=after, created_at__lt=before).order_by("pk")
    seen: list[int] = []
    devices = 0
    for pk, count in old.values_list("pk", "device_count")[:MOST_MARKED]:
        devices += count
        if seen and devices > MOST_COMMANDS:
            break
        seen.append(pk)
    if not seen:
        return after
    commands = DeviceCommand.objects.filter(request=OuterRef("pk"))
    to_come = Q(settled_at=None) | Q(settled_at__gte=before) | Q(check_at__isnull=False)
    kept = Q(status__in=list(LOG_OPEN | LOG_STORED))
    logs = AgentLog.objects.filter(kept, request=OuterRef("pk"))
    ended = ActionRequest.objects.filter(pk__in=seen).exclude(
        Exists(commands.filter(to_come)) | Exists(logs) | Exists(_children())
    )

    def mark(_: int) -> int:
        ended.update(removing=True)
        return 0  # Nothing is removed yet.

    run.piece("requests", before, mark)
    return seen[-1]


def _remove_marked(run: Run, keys: list[int], before: datetime) -> bool:
    """Remove the commands of marked requests, then the requests; return whether all are gone."""

    is_done = False

    def remove_commands(size: int) -> int:
        nonlocal is_done
        rows = DeviceCommand.objects.filter(request__in=keys).order_by()
        pks = list(rows.values_list("pk", flat=True)[:size])
        AgentLog.objects.filter(command__in=pks)._raw_delete(using=DB)
        DeviceCommand.objects.filter(pk__in=pks)._raw_delete(using=DB)
        is_done = len(pks) < size
        return len(pks)

    def remove_requests(_: int) -> int:
        VendorCall.action_requests.through.objects.filter(actionrequest__in=keys)._raw_delete(DB)
        rows = ActionRequest.everything.filter(pk__in=keys).exclude(Exists(_children()))
        return rows._raw_delete(using=DB) or 0

    while run.go_on():
        run.piece("commands", before, remove_commands)
        if is_done:
            return bool(run.piece("requests", before, remove_requests))
    return False


def remove_calls(run: Run, before: datetime) -> None:
    """Remove calls that nothing refers to and that hold no slot."""
    last = VendorCall.objects.aggregate(last=Max("pk"))["last"] or 0
    commands = DeviceCommand.objects.filter(call=OuterRef("pk"))
    old = VendorCall.objects.filter(
        claimed_at__lt=before, holds_until__lt=now(), pk__lte=last - NEWEST_CALLS
    ).exclude(state=CallState.SENDING)
    logs = AgentLog.objects.filter(call=OuterRef("pk"))
    after = 0

    def remove(size: int) -> int:
        nonlocal after
        seen = list(old.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:size])
        after = seen[-1] if seen else -1
        free = VendorCall.objects.filter(pk__in=seen).exclude(Exists(commands) | Exists(logs))
        keys = list(free.values_list("pk", flat=True))
        VendorCall.action_requests.through.objects.filter(vendorcall__in=keys)._raw_delete(DB)
        VendorCall.objects.filter(pk__in=keys)._raw_delete(using=DB)
        return len(keys)

    while after >= 0 and run.go_on():
        run.piece("calls", before, remove)


def remove_reads(run: Run, before: datetime) -> None:
    """Remove the records of past reads of the inventory."""
    last = InventorySync.objects.aggregate(last=Max("pk"))["last"] or 0
    old = InventorySync.objects.filter(
        running=False, started_at__lt=before, pk__lte=last - NEWEST_READS
    )

    def remove(size: int) -> int:
        keys = list(old.order_by("pk").values_list("pk", flat=True)[:size])
        InventorySync.objects.filter(pk__in=keys).delete()
        return len(keys)

    _until_none(run, "reads", before, remove)


def remove_jobs(run: Run, before: datetime) -> None:
    """Remove checks and exports of the trail that have ended and have no file any more."""
    old = AuditJob.objects.filter(ended_at__lt=before, file="").order_by("pk")

    def remove(size: int) -> int:
        keys = list(old.values_list("pk", flat=True)[:size])
        return AuditJob.objects.filter(pk__in=keys)._raw_delete(using=DB) or 0

    _until_none(run, "jobs", before, remove)


def remove_gone_devices(run: Run, before: datetime) -> None:
    """Remove devices that are gone and that no request is kept of, with their former names."""
    commands = DeviceCommand.objects.filter(device_key=OuterRef("vendor_id"))
    chosen = SelectedDevice.objects.filter(device=OuterRef("pk"))
    old = Device.objects.filter(gone_at__lt=before).exclude(Exists(commands) | Exists(chosen))

    def remove(size: int) -> int:
        found = dict(old.order_by("pk").values_list("pk", "vendor_id")[: max(1, size // 10)])
        DeviceAlias.objects.filter(device_key__in=found.values())._raw_delete(using=DB)
        for model in (DeviceMac, DeviceRefresh, DeviceSnapshot):
            model.objects.filter(device__in=found)._raw_delete(using=DB)
        return Device.objects.filter(pk__in=found)._raw_delete(using=DB) or 0

    _until_none(run, "devices", before, remove)


def _until_none(run: Run, name: str, before: datetime, remove: Callable[[int], int]) -> None:
    while run.go_on() and run.piece(name, before, remove):
        pass
