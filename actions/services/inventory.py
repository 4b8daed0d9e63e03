"""Read the vendor's groups and devices into our rows, page by page, on the vendor's budget."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from actions import notify
from actions.models import Device, DeviceGroup, DeviceMac, InventorySync
from actions.services import trail
from actions.submissions import Actor
from actions.vendor.payloads import DevicePage, DeviceRecord, GroupRecord

PAGE = 50
"""Devices or groups in one call: the vendor's most (Get Devices v3.7, Get Groups: `limit`)."""

MAX_ATTEMPTS = 8
"""Troubles in a row after which a read is given up."""

FIELDS = (
    *("name", "host_name", "nickname", "status", "severity", "device_type"),
    *("os_family", "os_name", "os_version", "agent_type", "agent_version"),
    *("group_name", "public_ip", "ip", "user_name", "enrolled_at", "last_seen", "last_reboot"),
)
"""What is copied from the vendor's record to our row, name for name."""


def start_sync(actor: Actor) -> tuple[InventorySync, bool]:
    """Ask for a full read; if one is running, that one is returned, and False."""
    moment = now()
    try:
        with transaction.atomic():
            sync = InventorySync.objects.create(actor=actor.name, started_at=moment, due_at=moment)
            trail.record(actor, "inventory.sync_started", subject_kind="sync", subject=str(sync.pk))
            notify.work_waits()
    except IntegrityError:
        return InventorySync.objects.get(running=True), False
    return sync, True


def due_sync(at: datetime) -> InventorySync | None:
    """The running read, if its next page may be asked for now."""
    return InventorySync.objects.filter(running=True, due_at__lte=at).first()


def hold_page(sync: InventorySync, until: datetime) -> None:
    """Keep other pumps from asking for the same page while it is on its way."""
    InventorySync.objects.filter(pk=sync.pk).update(due_at=until)


def store_groups(sync: InventorySync, groups: Sequence[GroupRecord]) -> None:
    """Store a page of groups; a page that is not full is the last."""
    DeviceGroup.objects.bulk_create(
        {
            group.vendor_id: DeviceGroup(
                vendor_id=group.vendor_id,
                name=group.name,
                device_count=group.device_count,
                read_at=now(),
            )
            for group in groups
        }.values(),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=["name", "device_count", "read_at"],
    )
    sync.groups_read += len(groups)
    sync.page += 1
    if len(groups) < PAGE:
        DeviceGroup.objects.filter(read_at__lt=sync.started_at).delete()
        sync.stage = InventorySync.Stage.DEVICES
    _next_page(sync)


def store_devices(sync: InventorySync, page: DevicePage) -> None:
    """Store a page of devices; after the last one, mark what was not found as gone."""
    store_records(page.devices)
    sync.devices_read += len(page.devices)
    sync.cursor = page.next_cursor or ""
    if page.next_cursor is None:
        _finish(sync, InventorySync.Stage.DONE, "")
    else:
        _next_page(sync)


def store_records(records: Sequence[DeviceRecord]) -> None:
    """Store what the vendor says of some devices, over what was known of them."""
    moment = now()
    rows = {record.vendor_id: _row(record, moment) for record in records}
    Device.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["vendor_id"],
        update_fields=[*FIELDS, "mac", "search_text", "read_at", "gone_at"],
    )
    keys = dict(Device.objects.filter(vendor_id__in=rows).values_list("vendor_id", "pk"))
    DeviceMac.objects.filter(device_id__in=keys.values()).delete()
    DeviceMac.objects.bulk_create(
        DeviceMac(device_id=keys[record.vendor_id], mac=mac)
        for record in {record.vendor_id: record for record in records}.values()
        for mac in dict.fromkeys(record.macs)
    )


def give_back(sync: InventorySync, reason: str) -> None:
    """The page did not come: ask again after a pause that grows, and give up in the end."""
    sync.attempts += 1
    sync.detail = reason[:500]
    if sync.attempts >= MAX_ATTEMPTS:
        _finish(sync, InventorySync.Stage.FAILED, reason)
        return
    sync.due_at = now() + timedelta(seconds=min(300, 2**sync.attempts))
    sync.save()


def fail(sync: InventorySync, reason: str) -> None:
    """The vendor refuses to be read: asking again would not help."""
    _finish(sync, InventorySync.Stage.FAILED, reason)


def _row(record: DeviceRecord, moment: datetime) -> Device:
    values = {name: getattr(record, name) for name in FIELDS}
    names = [record.name, record.host_name, record.nickname, record.vendor_id, *record.macs]
    names += [record.ip, record.public_ip, record.user_name, record.group_name]
    return Device(
        vendor_id=record.vendor_id,
        mac=record.macs[0] if record.macs else "",
        search_text="\n".join(name for name in names if name).lower(),
        read_at=moment,
        gone_at=None,
        **values,
    )


def _next_page(sync: InventorySync) -> None:
    sync.attempts, sync.detail = 0, ""
    sync.due_at = now()
    sync.save()
    notify.changed("inventory", sync.devices_read)


def _finish(sync: InventorySync, stage: InventorySync.Stage, detail: str) -> None:
    moment = now()
    sync.stage, sync.detail = stage, detail[:500]
    sync.running, sync.finished_at = False, moment
    sync.save()
    gone = 0
    if stage == InventorySync.Stage.DONE:
        unseen = Device.objects.filter(read_at__lt=sync.started_at, gone_at=None)
        gone = unseen.update(gone_at=moment)
    trail.record(
        trail.ENGINE,
        f"inventory.sync_{stage}",
        subject_kind="sync",
        subject=str(sync.pk),
        reason=detail,
        devices=sync.devices_read,
        groups=sync.groups_read,
        calls=sync.calls,
        gone=gone,
    )
    notify.changed("inventory", sync.devices_read)
