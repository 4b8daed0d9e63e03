"""The inventory: groups, devices with addresses and aliases, snapshots, reads of every kind."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from tests.upgrade.filling.old_code import inventory, looks, models, payloads, records
from tests.upgrade.filling.people import Users

PAGE = 2000
"""Devices that are stored at a time; the vendor's own pages hold 50."""

GROUPS = 40
GONE = 5
SNAPSHOT_EVERY = 10
STATUSES = ("compliant", "non_compliant", "exempted", "unknown", "ignored", "out_of_license_usage")


def device_id(number: int) -> str:
    """Return the vendor's id of a device."""
    return f"d{1_000_000 + number}"


def device_mac(number: int) -> str:
    """Return the first address of a device."""
    text = f"02005E{number:06X}"
    return ":".join(text[at : at + 2] for at in range(0, 12, 2))


def make_inventory(users: Users, count: int) -> list[str]:
    """Read so many devices in one full read; returns their ids.

    A few devices are known before and missing in the read, so that it marks them as gone.
    """
    records.store_records([_record(count + number) for number in range(GONE)])
    sync, _ = inventory.start_sync(users.operator)
    sync.calls = 3
    sync.save()
    groups = [
        payloads.GroupRecord(f"g{number}", f"Group {number}", count // GROUPS + number)
        for number in range(GROUPS)
    ]
    inventory.store_groups(sync, groups)
    for first in range(0, count, PAGE):
        numbers = range(first, min(count, first + PAGE))
        cursor = f"cursor-{first}" if numbers[-1] + 1 < count else None
        page = payloads.DevicePage(tuple(_record(number) for number in numbers), cursor)
        inventory.store_devices(sync, page)
    _store_snapshots(count)
    return [device_id(number) for number in range(count)]


def _record(number: int, **changes: Any) -> Any:
    moment = now()
    fields: dict[str, Any] = {
        "vendor_id": device_id(number),
        "name": f"PC-{number * 7919 % 1_000_000:06}",
        "host_name": f"pc-{number:06}.corp.example",
        "nickname": "Zürich “desk” \u202e" if number % 50 == 0 else "",
        "status": STATUSES[number % len(STATUSES)],
        "severity": ("critical", "warning", "no_issues")[number % 3],
        "device_type": ("laptop", "desktop", "server")[number % 3],
        "os_family": "macos" if number % 5 == 0 else "windows",
        "os_name": "macOS 15" if number % 5 == 0 else "Windows 11 Pro",
        "os_version": f"10.0.{number % 900}",
        "agent_type": "on_demand" if number % 20 == 0 else "persistent",
        "agent_version": f"7.{number % 9}.{100 + number % 700}",
        "group_name": f"Group {number % GROUPS}",
        "public_ip": f"203.0.113.{number % 32}",
        "ip": f"10.{number % 64}.{number % 251}.{number % 253}",
        "macs": _macs(number),
        "user_name": f"user{number % 30_011}@corp.example",
        "enrolled_at": moment - timedelta(days=400, seconds=number),
        "last_seen": moment - timedelta(minutes=number % 5000),
        "last_reboot": moment - timedelta(hours=number % 900) if number % 7 else None,
    }
    return payloads.DeviceRecord(**(fields | changes))


def _macs(number: int) -> tuple[str, ...]:
    """Return one address, or two where the second belongs to ten devices (a shared dock)."""
    shared = (device_mac(0xF00000 + number // 100),) if number % 10 == 0 else ()
    return (device_mac(number), *shared)


def _store_snapshots(count: int) -> None:
    """Store the vendor's own text of every tenth device."""
    numbers = range(0, count, SNAPSHOT_EVERY)
    for first in range(0, len(numbers), PAGE):
        part = [
            _record(number, raw={"device_id": device_id(number), "note": "é “x” \\ \n"})
            for number in numbers[first : first + PAGE]
        ]
        records.store_details([record.vendor_id for record in part], part)


def make_pending_reads(users: Users) -> None:
    """Leave refreshes and reads that still wait; called last, or a claim would take them."""
    devices = list(models.Device.objects.filter(gone_at=None).order_by("id")[:12])
    looks.refresh(devices[1], users.operator)
    looks.ask(models.Device.objects.filter(pk__in=[device.pk for device in devices[2:]]))
    # The newest row goes; its key must not be given again.
    looks.done([models.DeviceLook.objects.latest("pk").device.vendor_id])
    models.DeviceLook.objects.filter(pk=models.DeviceLook.objects.latest("pk").pk).update(
        attempts=4, due_at=None, detail="The vendor did not answer in time."
    )
    for fields in _reads():
        moment = now()
        models.InventorySync.objects.create(
            due_at=moment, started_at=moment, actor=users.operator.name, **fields
        )


def _reads() -> Iterator[dict[str, Any]]:
    kind, stage = models.InventorySync.Kind, models.InventorySync.Stage
    over = {"running": False, "finished_at": now()}
    yield {"kind": kind.SWEEP, "stage": stage.DEVICES, "page": 7, "cursor": "c7", "pace": 12.5}
    yield {"kind": kind.SWEEP, "stage": stage.REPLACED, "gone": 3, "pace": 0.25, **over}
    yield {"kind": kind.SWEEP, "stage": stage.DONE, "devices_read": 90, "cursor": "end", **over}
    yield {"kind": kind.NEW, "stage": stage.DEVICES, "cursor": "c1", "attempts": 2, "detail": "503"}
    yield {"kind": kind.NEW, "stage": stage.FAILED, "detail": "The vendor refused it.", **over}
    yield {"kind": kind.CHANGES, "stage": stage.CHANGES, "since": now() - timedelta(minutes=5)}
    yield {"kind": kind.CHANGES, "stage": stage.DONE, "gone": 1, "calls": 2, **over}
    yield {"kind": kind.FULL, "stage": stage.GROUPS, "expected": 300}
