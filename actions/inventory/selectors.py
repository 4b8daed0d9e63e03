"""Reads of devices, groups and inventory syncs for screens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet

from actions import bounds, json_rows
from actions.inventory.models import FULL_READ_KINDS, Device, DeviceGroup, InventorySync

Kind, Stage = InventorySync.Kind, InventorySync.Stage

STATUSES = (
    "compliant",
    "non_compliant",
    "exempted",
    "unknown",
    "ignored",
    "out_of_license_usage",
    "installed",
    "pending",
    "quarantined",
)
"""The vendor's device statuses (Get Devices v3.7, field `status`), in the order of our filter."""


@dataclass(frozen=True, slots=True)
class RunningSync:
    """A running sync, and the expected time of its last call if that can be estimated."""

    sync: InventorySync
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InventoryStatus:
    """How fresh the inventory is: running syncs, the last full read, the last read of changes.

    `failed` is a failed sync after which no sync of its kind and no full read has succeeded.
    """

    running: tuple[RunningSync, ...]
    last_full: InventorySync | None
    last_changes: InventorySync | None
    failed: InventorySync | None

    @property
    def fast(self) -> tuple[RunningSync, ...]:
        """The running syncs without a pause between pages: their pages refresh often."""
        return tuple(each for each in self.running if not each.sync.page_interval)

    def running_with(self, key: str) -> InventorySync | None:
        """Return the running sync with that key."""
        return next((each.sync for each in self.running if str(each.sync.pk) == key), None)


def inventory_status(last_call_at: datetime | None = None) -> InventoryStatus:
    """Return the status of the inventory.

    `last_call_at` is the forecast time of the last queued inventory call: when a sync without
    pauses ends.
    """
    all_syncs = InventorySync.objects.order_by().values("kind")
    done_syncs = all_syncs.filter(stage=Stage.DONE)
    keys = [syncs.annotate(key=Max("pk")).values("key") for syncs in (all_syncs, done_syncs)]
    rows = list(InventorySync.objects.filter(Q(pk__in=keys[0]) | Q(pk__in=keys[1])))
    done = [row for row in rows if row.stage == Stage.DONE]
    failed = [row for row in rows if row.stage == Stage.FAILED]
    return InventoryStatus(
        running=tuple(RunningSync(row, _ends_at(row, last_call_at)) for row in rows if row.running),
        last_full=next((row for row in done if row.kind in FULL_READ_KINDS), None),
        last_changes=next((row for row in done if row.kind == Kind.CHANGES), None),
        failed=next((row for row in failed if not _is_superseded(row, done)), None),
    )


def _is_superseded(failed: InventorySync, done: list[InventorySync]) -> bool:
    """Return whether a later sync of the same kind, or a later full read, has succeeded."""
    kinds = (failed.kind, *FULL_READ_KINDS)
    return any(row.pk > failed.pk and row.kind in kinds for row in done)


def _ends_at(sync: InventorySync, last_call_at: datetime | None) -> datetime | None:
    if sync.page_interval:
        return sync.due_at + timedelta(seconds=sync.page_interval * (sync.calls_left - 1))
    return last_call_at


def latest(limit: int = 30) -> list[InventorySync]:
    """Return the latest syncs, newest first."""
    return list(InventorySync.objects.all()[:limit])


def with_keys(keys: list[int]) -> QuerySet[Device]:
    """Return the devices with these keys; unknown keys are ignored.

    Raises Refused for more than `bounds.MAX_KEYS` keys.
    """
    bounds.check_count("", keys, bounds.MAX_KEYS, "devices")
    return Device.objects.filter(pk__in=json_rows.keys(keys))


def by_status() -> list[tuple[str, int]]:
    """Count the listed devices by status, the vendor's documented statuses first."""
    rows = Device.objects.filter(gone_at=None).order_by()
    counts = dict(rows.values_list("status").annotate(Count("id")))
    known = [(status, counts.pop(status)) for status in STATUSES if status in counts]
    return known + sorted(counts.items())


def groups() -> QuerySet[DeviceGroup]:
    """Return all groups, by name."""
    return DeviceGroup.objects.all()


def group_name(vendor_id: str) -> str:
    """Return the name of a group, or its id if it is unknown."""
    group = DeviceGroup.objects.filter(vendor_id=vendor_id).first()
    return str(group) if group else vendor_id


def latest_sync() -> InventorySync | None:
    """Return the latest full read of all devices, running or ended."""
    return InventorySync.objects.filter(kind__in=FULL_READ_KINDS).first()
