"""What the pages show of devices."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from actions.macs import normalise_mac
from actions.models import Device, DeviceGroup, InventorySync

MAX_SEARCH = 200
"""Characters of a search; longer ones are cut."""

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
class DevicePage:
    """A page of devices; `number` counts from 1."""

    devices: list[Device]
    number: int
    size: int
    has_next: bool

    @property
    def first(self) -> int:
        """The place of the first device in the whole list, from 1."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        """The place of the last device in the whole list."""
        return self.first + len(self.devices) - 1


def matching(*, search: str, status: str) -> QuerySet[Device]:
    """Devices that the vendor lists, by all the words of a search and by status."""
    devices = Device.objects.filter(gone_at=None)
    if status:
        devices = devices.filter(status=status)
    for word in search[:MAX_SEARCH].lower().split():
        wanted = Q(search_text__contains=word)
        if mac := normalise_mac(word):
            wanted |= Q(macs__mac=mac)
        devices = devices.filter(wanted)
    return devices


def page(devices: QuerySet[Device], *, number: int, size: int) -> DevicePage:
    """One page, in order of name, and whether another follows."""
    start = (number - 1) * size
    found = list(devices.distinct().order_by("name", "id")[start : start + size + 1])
    return DevicePage(found[:size], number, size, len(found) > size)


def by_keys(keys: list[int]) -> list[Device]:
    """The devices with these keys, in order of name; unknown keys are left out."""
    return list(Device.objects.filter(pk__in=keys).order_by("name", "id"))


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
    """The read of the inventory that runs, or the last one."""
    return InventorySync.objects.first()
