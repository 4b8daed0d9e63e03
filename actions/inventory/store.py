"""Store what the vendor tells of its devices and groups over what was known of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Max
from django.utils.timezone import now

from actions.inventory.models import (
    Device,
    DeviceAlias,
    DeviceGroup,
    DeviceMac,
    DeviceSnapshot,
    InventorySync,
)
from actions.inventory.versions import version_key
from actions.opswat.payloads import DeviceRecord, GroupRecord

FIELDS = (
    *("name", "host_name", "nickname", "status", "severity", "device_type"),
    *("os_family", "os_name", "os_version", "agent_type", "agent_version"),
    *("group_name", "public_ip", "ip", "user_name", "enrolled_at", "last_seen", "last_reboot"),
)
"""What is copied from the vendor's record to our row, name for name."""

MAX_RAW = 65_536
"""Characters of a vendor's record that are kept as they came; a longer one is not kept."""

Macs = Mapping[str, tuple[str, ...]]


def store_records(records: Sequence[DeviceRecord]) -> None:
    """Store what the vendor says of some devices; what it did not tell this time stays."""
    wanted = {record.vendor_id: record for record in records}
    known = {row.vendor_id: row for row in Device.objects.filter(vendor_id__in=wanted)}
    macs = _macs_of(known.values())
    merged = {name: _merged(each, known.get(name), macs) for name, each in wanted.items()}
    moment, read = now(), last_read()
    Device.objects.bulk_create(
        (_row(record, moment, read) for record in merged.values()),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=[
            *FIELDS,
            "mac",
            "search_text",
            "agent_version_key",
            "read_at",
            "last_sync_id",
            "gone_at",
        ],
    )
    _remember_names(merged.values())
    _store_macs({name: each.macs for name, each in merged.items() if macs.get(name) != each.macs})


def store_details(asked: Iterable[str], records: Sequence[DeviceRecord]) -> None:
    """Store what Device Details says of the devices asked for; who is not in it is gone."""
    store_records(records)
    told = {record.vendor_id: record for record in records if record.raw is not None}
    keys = dict(Device.objects.filter(vendor_id__in=told).values_list("vendor_id", "pk"))
    moment = now()
    words = ((keys[name], json.dumps(dict(each.raw or {}))) for name, each in told.items())
    DeviceSnapshot.objects.bulk_create(
        (
            DeviceSnapshot(device_id=key, record=text, read_at=moment)
            for key, text in words
            if len(text) <= MAX_RAW
        ),
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["record", "read_at"],
    )
    mark_gone(set(asked) - {record.vendor_id for record in records})


def mark_gone(vendor_ids: Iterable[str]) -> int:
    """The vendor no longer has these devices; their rows and their history stay."""
    rows = Device.objects.filter(vendor_id__in=list(vendor_ids), gone_at=None)
    return rows.update(gone_at=now())


def store_group_rows(groups: Sequence[GroupRecord]) -> None:
    """Store some groups over what was known of them."""
    moment = now()
    DeviceGroup.objects.bulk_create(
        {
            group.vendor_id: DeviceGroup(
                vendor_id=group.vendor_id,
                name=group.name,
                device_count=group.device_count,
                read_at=moment,
            )
            for group in groups
        }.values(),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=["name", "device_count", "read_at"],
    )


def last_read() -> int:
    """The key of the read that began last: it numbers the reads without asking any clock."""
    return InventorySync.objects.aggregate(last=Max("pk"))["last"] or 0


def _macs_of(devices: Iterable[Device]) -> dict[str, tuple[str, ...]]:
    """The hardware addresses that are known of some devices, in the vendor's order."""
    found: dict[str, tuple[str, ...]] = {row.vendor_id: () for row in devices}
    rows = DeviceMac.objects.filter(device__vendor_id__in=found).order_by("id")
    for name, mac in rows.values_list("device__vendor_id", "mac"):
        found[name] += (mac,)
    return found


def _merged(record: DeviceRecord, known: Device | None, macs: Macs) -> DeviceRecord:
    """The record, with what is known already where this one does not tell."""
    unique = tuple(dict.fromkeys(record.macs))
    if known is None or record.told is None:
        return replace(record, macs=unique)
    kept = {name: getattr(known, name) for name in FIELDS if name not in record.told}
    return replace(record, **kept, macs=unique if "macs" in record.told else macs[known.vendor_id])


def _row(record: DeviceRecord, moment: datetime, read: int) -> Device:
    values = {name: getattr(record, name) for name in FIELDS}
    names = [record.name, record.host_name, record.nickname, record.vendor_id, *record.macs]
    names += [record.ip, record.public_ip, record.user_name, record.group_name]
    return Device(
        vendor_id=record.vendor_id,
        mac=record.macs[0] if record.macs else "",
        search_text="\n".join(name for name in names if name).lower(),
        agent_version_key=version_key(record.agent_version),
        read_at=moment,
        last_sync_id=read,
        gone_at=None,
        **values,
    )


def _store_macs(changed: Macs) -> None:
    """Replace the addresses of the devices for which they have changed."""
    if not changed:
        return
    keys = dict(Device.objects.filter(vendor_id__in=changed).values_list("vendor_id", "pk"))
    DeviceMac.objects.filter(device_id__in=keys.values()).delete()
    DeviceMac.objects.bulk_create(
        DeviceMac(device_id=keys[name], mac=mac) for name, macs in changed.items() for mac in macs
    )


def _remember_names(records: Iterable[DeviceRecord]) -> None:
    """Keep every name and MAC that a device ever had, so that the trail is found by each."""
    texts = {
        (record.vendor_id, text[:255].lower())
        for record in records
        for text in (
            *(record.vendor_id, record.name, record.host_name, record.nickname),
            *record.macs,
        )
        if text
    }
    DeviceAlias.objects.bulk_create(
        (DeviceAlias(device_key=key, text=text) for key, text in sorted(texts)),
        ignore_conflicts=True,
    )
