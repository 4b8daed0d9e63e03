"""Stores what the vendor returned, page by page, and ends the reads.

A read is resumed after any failure: each page is stored in one transaction with the place of the
next one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils.timezone import now

from actions import on_commit
from actions.inventory import refresh
from actions.inventory.models import FULL_READ_KINDS, PAGE, Device, DeviceGroup, InventorySync
from actions.inventory.store import mark_gone, store_group_rows, store_records
from actions.opswat.payloads import ChangePage, DevicePage, GroupRecord
from actions.trail import trail
from actions.trail.verbs import Verb

MAX_ATTEMPTS = 8
"""Consecutive failures after which a read is given up."""

OVERLAP = timedelta(minutes=1)
"""Overlap of two reads of changes: a row that moves between two pages is in the next read."""

MAX_CHANGE_AGE = timedelta(days=1)
"""The vendor reports changes of at most this age (Status Change v3.0: `age`)."""

MAX_MISSING_SHARE = 0.5
"""A full read that misses a larger share of the devices must be confirmed by the next one."""

Kind, Stage = InventorySync.Kind, InventorySync.Stage
ENDED_VERB = {Stage.DONE: Verb.INVENTORY_SYNC_DONE, Stage.FAILED: Verb.INVENTORY_SYNC_FAILED}
"""Event of a read that ended, by its last stage."""


def due_sync(at: datetime) -> InventorySync | None:
    """Return the running read whose next page has been due longest."""
    return InventorySync.objects.filter(running=True, due_at__lte=at).order_by("due_at").first()


def still_reading(sync: InventorySync) -> InventorySync | None:
    """Return the read as it stands, locked; None if a later call has asked for the same page."""
    running = InventorySync.objects.filter(pk=sync.pk, running=True, calls=sync.calls)
    return running.select_for_update().first()


def age_asked(sync: InventorySync, at: datetime) -> int:
    """Return the age of changes to ask for in seconds, within what the vendor accepts."""
    wanted = (at - (sync.since or at)).total_seconds() + 1
    return int(min(MAX_CHANGE_AGE.total_seconds(), max(OVERLAP.total_seconds(), wanted)))


def store_groups(sync: InventorySync, groups: Sequence[GroupRecord]) -> None:
    """Store a page of groups; a page that is not full is the last."""
    # If the clock was set back, `now()` may be before the start of this read.
    store_group_rows(groups, max(now(), sync.started_at))
    sync.groups_read += len(groups)
    sync.page += 1
    if len(groups) < PAGE:
        DeviceGroup.objects.filter(read_at__lt=sync.started_at).delete()
        sync.stage = Stage.DEVICES
        sync.expected = expected_devices()
        sync.page_interval = _page_interval(sync)
    _next_page(sync)


def expected_devices() -> int:
    """Return how many devices the vendor has: the sum of its groups, or else those known."""
    counted = DeviceGroup.objects.aggregate(sum=Sum("device_count"))["sum"]
    return counted or Device.objects.filter(gone_at=None).count()


def _page_interval(sync: InventorySync) -> float:
    """Return the seconds between two pages: a background read takes four fifths of its period."""
    if sync.kind != Kind.BACKGROUND:
        return 0.0
    pages = max(1, -(-sync.expected // PAGE))
    return 0.8 * 3600 * float(settings.INVENTORY_FULL_READ_HOURS) / pages


def store_devices(sync: InventorySync, page: DevicePage) -> None:
    """Store a page of devices; after the last one, mark the missing devices as gone."""
    store_records(page.devices)
    sync.devices_read += len(page.devices)
    if page.next_cursor is None:
        _finish(sync, Stage.DONE, "")
    else:
        sync.cursor = page.next_cursor
        _next_page(sync)


def store_changes(sync: InventorySync, page: ChangePage) -> None:
    """Store a page of changes; a page that is not full is the last."""
    store_records(page.changed)
    sync.devices_read += len(page.changed)
    sync.removed_count += _drop_deleted(sync, page)
    sync.page += 1
    if page.rows < PAGE:
        _finish(sync, Stage.DONE, "")
    else:
        _next_page(sync)


def _drop_deleted(sync: InventorySync, page: ChangePage) -> int:
    """Mark the deleted devices as gone; return how many.

    A device that was read after the begin of the reported changes may have been deleted before and
    have enrolled again: it is refreshed instead.
    """
    back = {record.vendor_id for record in page.changed}
    rows = Device.objects.filter(vendor_id__in=set(page.deleted) - back, gone_at=None)
    read_since = dict(rows.filter(read_at__gt=sync.since).values_list("vendor_id", "pk"))
    refresh.request_refresh(Device.objects.filter(pk__in=read_since.values()))
    return mark_gone(set(page.deleted) - back - set(read_since))


def requeue(sync: InventorySync, reason: str) -> None:
    """Ask for the page again after a growing interval; give up after MAX_ATTEMPTS."""
    sync.attempts += 1
    sync.detail = reason[:500]
    if sync.attempts >= MAX_ATTEMPTS:
        _finish(sync, Stage.FAILED, reason)
        return
    sync.due_at = now() + timedelta(seconds=min(300, 2**sync.attempts))
    sync.save()


def fail(sync: InventorySync, reason: str) -> None:
    """End the read: the vendor refused it, so asking again would not help."""
    sync.attempts = 0
    _finish(sync, Stage.FAILED, reason)


def _next_page(sync: InventorySync) -> None:
    sync.attempts, sync.detail = 0, ""
    sync.due_at = now() + timedelta(seconds=sync.page_interval)
    sync.save()
    on_commit.publish_change("inventory", sync.devices_read)


def _finish(sync: InventorySync, stage: InventorySync.Stage, detail: str) -> None:
    if stage == Stage.DONE and sync.kind in FULL_READ_KINDS:
        sync.removed_count, detail = _mark_missing(sync)
    sync.stage, sync.detail = stage, detail[:500]
    sync.running, sync.finished_at = False, now()
    sync.save()
    on_commit.publish_change("inventory", sync.devices_read)
    if _is_routine(sync):
        return
    trail.record(
        trail.ENGINE,
        ENDED_VERB[stage],
        subject_kind="sync",
        subject=str(sync.pk),
        detail=detail,
        kind=sync.kind,
        devices=sync.devices_read,
        groups=sync.groups_read,
        calls=sync.calls,
        gone=sync.removed_count,
    )


def _is_routine(sync: InventorySync) -> bool:
    """Return whether a read is too routine for the audit trail.

    Small reads run every few minutes: one is recorded if it removed devices, or is the first of its
    kind to fail.
    """
    if sync.kind in FULL_READ_KINDS or sync.removed_count:
        return False
    last = InventorySync.objects.filter(kind=sync.kind, pk__lt=sync.pk).first()
    return sync.stage == Stage.DONE or (last is not None and last.stage == Stage.FAILED)


def _mark_missing(sync: InventorySync) -> tuple[int, str]:
    """Mark the devices that this read did not find as gone; return how many, and a remark.

    A truncated list would remove most of the fleet. So more than MAX_MISSING_SHARE of the devices
    are marked only after two consecutive reads of everything did not find them.
    """
    listed = Device.objects.filter(gone_at=None)
    unseen = listed.filter(last_sync_id__lt=sync.pk)
    missing, detail = unseen.count(), ""
    if missing > MAX_MISSING_SHARE * listed.count() and missing > PAGE:
        whole = InventorySync.objects.filter(kind__in=FULL_READ_KINDS, stage=Stage.DONE)
        before = whole.exclude(pk=sync.pk).values_list("pk", flat=True).first() or 0
        unseen = unseen.filter(last_sync_id__lt=before)
        detail = (
            f"{missing:,} known devices were not found. "
            "They are marked as gone if the next read does not find them either."
        )
    return unseen.update(gone_at=now()), detail
