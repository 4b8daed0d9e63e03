"""Write the vendor's devices and groups into our rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Max

from actions.folding import fold
from actions.inventory.models import (
    Device,
    DeviceAlias,
    DeviceGroup,
    DeviceMac,
    DeviceSnapshot,
    InventorySync,
)
from actions.inventory.names import NAME_KEYS, name_key
from actions.inventory.versions import version_key
from actions.opswat.payloads import DevicePage, DeviceRecord, GroupRecord
from actions.ratelimit import clock

FIELDS = (
    *("name", "host_name", "nickname", "status", "severity", "device_type"),
    *("os_family", "os_name", "os_version", "agent_type", "agent_version"),
    *("group_name", "public_ip", "ip", "user_name", "enrolled_at", "last_seen", "last_reboot"),
)
"""Fields copied from the vendor's record to the Device column of the same name."""

MAX_SNAPSHOT_LENGTH = 65_536
"""Characters of a vendor's record that is kept as received; a longer one is not kept."""

MacsById = Mapping[str, tuple[str, ...]]
"""The MAC addresses of devices, by the vendor's id."""


def store_records(records: Sequence[DeviceRecord]) -> None:
    """Create or update devices from the vendor's records.

    A field that a record does not contain keeps its stored value.
    """
    by_id = {record.vendor_id: record for record in records}
    known = {row.vendor_id: row for row in Device.objects.filter(vendor_id__in=by_id)}
    macs = _macs_of(known.values())
    merged = {name: _merged(each, known.get(name), macs) for name, each in by_id.items()}
    read_at, sync_id = clock.now(), last_read()
    Device.objects.bulk_create(
        (_row(record, read_at, sync_id) for record in merged.values()),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=[
            *FIELDS,
            "mac",
            *NAME_KEYS.values(),
            "search_text",
            "agent_version_key",
            "read_at",
            "last_sync_id",
            "gone_at",
        ],
    )
    _store_aliases(merged.values())
    _store_macs({name: each.macs for name, each in merged.items() if macs.get(name) != each.macs})


def store_details(requested: Iterable[str], page: DevicePage) -> set[str]:
    """Store an answer of Device Details; return the requested devices that are absent from it.

    An answer with rows that cannot be read has no absent devices: one may be such a row.
    """
    records = page.devices
    store_records(records)
    detailed = {record.vendor_id: record for record in records if record.raw is not None}
    keys = dict(Device.objects.filter(vendor_id__in=detailed).values_list("vendor_id", "pk"))
    read_at = clock.now()
    texts = ((keys[name], _as_json(each)) for name, each in detailed.items())
    DeviceSnapshot.objects.bulk_create(
        (
            DeviceSnapshot(device_id=key, record=text, read_at=read_at)
            for key, text in texts
            if text and len(text) <= MAX_SNAPSHOT_LENGTH
        ),
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["record", "read_at"],
    )
    return set() if page.dropped else set(requested) - {record.vendor_id for record in records}


def _as_json(record: DeviceRecord) -> str:
    """Return the vendor's record as JSON, "" if it is nested too deeply to be written."""
    try:
        return json.dumps(dict(record.raw or {}))
    except (RecursionError, ValueError):
        return ""


def mark_gone(vendor_ids: Iterable[str]) -> int:
    """Mark devices that the vendor no longer has; return how many. Rows and history stay."""
    rows = Device.objects.filter(vendor_id__in=list(vendor_ids), gone_at=None)
    return rows.update(gone_at=clock.now())


def store_group_rows(groups: Sequence[GroupRecord], read_at: datetime) -> None:
    """Create or update groups from the vendor's records."""
    DeviceGroup.objects.bulk_create(
        {
            group.vendor_id: DeviceGroup(
                vendor_id=group.vendor_id,
                name=group.name,
                device_count=group.device_count,
                read_at=read_at,
            )
            for group in groups
        }.values(),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=["name", "device_count", "read_at"],
    )


def last_read() -> int:
    """Return the key of the sync that started last; it orders syncs without using a clock."""
    return InventorySync.objects.aggregate(last=Max("pk"))["last"] or 0


def _macs_of(devices: Iterable[Device]) -> dict[str, tuple[str, ...]]:
    """Return the stored MAC addresses of devices, in the vendor's order."""
    macs: dict[str, tuple[str, ...]] = {row.vendor_id: () for row in devices}
    rows = DeviceMac.objects.filter(device__vendor_id__in=macs).order_by("id")
    for name, mac in rows.values_list("device__vendor_id", "mac"):
        macs[name] += (mac,)
    return macs


def _merged(record: DeviceRecord, known: Device | None, macs: MacsById) -> DeviceRecord:
    """Return the record, completed with stored values where it does not contain a field."""
    unique = tuple(dict.fromkeys(record.macs))
    if known is None or record.reported is None:
        return replace(record, macs=unique)
    kept = {name: getattr(known, name) for name in FIELDS if name not in record.reported}
    return replace(
        record, **kept, macs=unique if "macs" in record.reported else macs[known.vendor_id]
    )


def _row(record: DeviceRecord, read_at: datetime, sync_id: int) -> Device:
    values = {name: getattr(record, name) for name in FIELDS}
    names = [record.name, record.host_name, record.nickname, record.vendor_id, *record.macs]
    names += [record.ip, record.public_ip, record.user_name, record.group_name]
    return Device(
        vendor_id=record.vendor_id,
        mac=record.macs[0] if record.macs else "",
        search_text="\n".join(fold(name) for name in names if name),
        agent_version_key=version_key(record.agent_version),
        read_at=read_at,
        last_sync_id=sync_id,
        gone_at=None,
        **{key: name_key(values[name]) for name, key in NAME_KEYS.items()},
        **values,
    )


def _store_macs(changed: MacsById) -> None:
    """Replace the MAC addresses of devices for which they have changed."""
    if not changed:
        return
    keys = dict(Device.objects.filter(vendor_id__in=changed).values_list("vendor_id", "pk"))
    DeviceMac.objects.filter(device_id__in=keys.values()).delete()
    DeviceMac.objects.bulk_create(
        DeviceMac(device_id=keys[name], mac=mac) for name, macs in changed.items() for mac in macs
    )


def _store_aliases(records: Iterable[DeviceRecord]) -> None:
    """Keep every name and MAC that a device ever had; the audit trail is searched by them."""
    texts = {
        (record.vendor_id, name_key(text))
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
