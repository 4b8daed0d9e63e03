"""What pages show of devices, groups and the reads of the inventory."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet

from actions import json_rows
from actions.inventory.models import Device, DeviceGroup, InventorySync

Kind, Stage = InventorySync.Kind, InventorySync.Stage
WHOLE = (Kind.FULL, Kind.BACKGROUND)


@dataclass(frozen=True, slots=True)
class Running:
    """A read that runs, and when its last call goes as far as can be known."""

    sync: InventorySync
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How fresh the inventory is: what runs, the last whole read, the last of the changes.

    `failed` is a read after which none of its kind has succeeded.
    """

    running: tuple[Running, ...]
    whole: InventorySync | None
    changes: InventorySync | None
    failed: InventorySync | None

    @property
    def fast(self) -> tuple[Running, ...]:
        """The reads that go as fast as they may: worth watching."""
        return tuple(each for each in self.running if not each.sync.page_interval)


def state(end: datetime | None = None) -> State:
    """The inventory as it stands; `end` is when its last call goes."""
    newest = InventorySync.objects.order_by().values("kind")
    ended = newest.filter(stage=Stage.DONE)
    keys = [each.annotate(key=Max("pk")).values("key") for each in (newest, ended)]
    rows = list(InventorySync.objects.filter(Q(pk__in=keys[0]) | Q(pk__in=keys[1])))
    going = tuple(Running(row) for row in rows if row.running)
    if going:
        going = tuple(Running(each.sync, _end(each.sync, end)) for each in going)
    done = [row for row in rows if row.stage == Stage.DONE]
    failed = [row for row in rows if row.stage == Stage.FAILED]
    return State(
        running=going,
        whole=next((row for row in done if row.kind in WHOLE), None),
        changes=next((row for row in done if row.kind == Kind.CHANGES), None),
        failed=next((row for row in failed if _still_matters(row, done)), None),
    )


def _still_matters(failed: InventorySync, done: list[InventorySync]) -> bool:
    """A whole read makes up for any other that failed before it."""
    return not any(row.pk > failed.pk and row.kind in (failed.kind, *WHOLE) for row in done)


def _end(sync: InventorySync, end: datetime | None) -> datetime | None:
    if sync.page_interval:
        return sync.due_at + timedelta(seconds=sync.page_interval * (sync.calls_left - 1))
    return end


def latest(limit: int = 30) -> list[InventorySync]:
    """The latest reads, newest first."""
    return list(InventorySync.objects.all()[:limit])


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


def with_keys(keys: list[int]) -> QuerySet[Device]:
    """The devices with these keys."""
    return Device.objects.filter(pk__in=keys)


def listed(keys: list[int]) -> QuerySet[Device]:
    """The devices with these keys; unknown keys are left out."""
    return Device.objects.filter(pk__in=json_rows.keys(keys))


def by_status() -> list[tuple[str, int]]:
    """How many listed devices stand in each status, the vendor's known ones first."""
    rows = Device.objects.filter(gone_at=None).order_by()
    found = dict(rows.values_list("status").annotate(Count("id")))
    known = [(status, found.pop(status)) for status in STATUSES if status in found]
    return known + sorted(found.items())


def groups() -> QuerySet[DeviceGroup]:
    """All groups, by name."""
    return DeviceGroup.objects.all()


def group_name(vendor_id: str) -> str:
    """What a group is called, or its id if it is not known."""
    group = DeviceGroup.objects.filter(vendor_id=vendor_id).first()
    return str(group) if group else vendor_id


def latest_sync() -> InventorySync | None:
    """The read of all devices that runs, or the last one."""
    whole = (InventorySync.Kind.FULL, InventorySync.Kind.BACKGROUND)
    return InventorySync.objects.filter(kind__in=whole).first()
