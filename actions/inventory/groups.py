"""What the pages show of devices."""

from django.db.models import Count, QuerySet

from actions import json_rows
from actions.inventory.models import Device, DeviceGroup, InventorySync

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
    whole = (InventorySync.Kind.FULL, InventorySync.Kind.SWEEP)
    return InventorySync.objects.filter(kind__in=whole).first()
