"""Stores what the vendor returned, page by page, and ends the reads.

A read is resumed after any failure: each page is stored in one transaction with the place of the
next one.
"""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from actions import on_commit
from actions.actor import Actor
from actions.inventory import refresh
from actions.inventory.missing import mark_missing
from actions.inventory.models import (
    FULL_READ_KINDS,
    PAGE,
    Device,
    DeviceGroup,
    InventorySync,
    SyncCursor,
)
from actions.inventory.store import mark_gone, store_group_rows, store_records
from actions.opswat.payloads import ChangePage, DevicePage, GroupPage
from actions.ratelimit import clock
from actions.trail import trail
from actions.trail.verbs import Verb

MAX_ATTEMPTS = 8
"""Consecutive failures after which a read is given up."""

OVERLAP = timedelta(minutes=1)
"""Overlap of two reads of changes: a row that moves between two pages is in the next read."""

MAX_CHANGE_AGE = timedelta(days=1)
"""The vendor reports changes of at most this age (Status Change v3.0: `age`)."""

MAX_GROUP_ATTEMPTS = 3
"""Consecutive failures after which the devices are read without the groups."""

MAX_EMPTY_PAGES = 3
"""Empty pages in a row after which the list is taken to have ended (*assumed*)."""

ENDED = "The read was ended, and nothing is marked as gone."
"""What became of a read whose pages have no end."""

_MAX_COUNT = 2**31 - 1

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


def store_groups(sync: InventorySync, page: GroupPage) -> None:
    """Store a page of groups; a page that is not full, or repeats earlier ones, is the last."""
    began = DeviceGroup.objects.filter(read_at__gte=sync.started_at)
    names = {group.vendor_id for group in page.groups}
    repeats = (
        sync.page > 1 and bool(names) and began.filter(vendor_id__in=names).count() == len(names)
    )
    # If the clock was set back, `clock.now()` may be before the start of this read.
    store_group_rows(page.groups, max(clock.now(), sync.started_at))
    sync.groups_read += 0 if repeats else len(page.groups)
    sync.page += 1
    if page.dropped:
        _note(sync, f"{page.dropped:,} groups could not be read: earlier groups are kept.")
    if page.rows < PAGE or repeats:
        old = DeviceGroup.objects.filter(read_at__lt=sync.started_at)
        if repeats:
            _note(sync, "The pages of groups repeat themselves: earlier groups are kept.")
        elif not sync.groups_read and old.exists():
            _note(sync, "The vendor listed no groups: those known before are kept.")
        elif not sync.notice:
            old.delete()
        _begin_devices(sync)
    _next_page(sync)


def requeue_groups(sync: InventorySync, reason: str, *, final: bool) -> None:
    """Ask for the groups again; the devices are read all the same if the vendor refuses them."""
    sync.attempts += 1
    if not final and sync.attempts < MAX_GROUP_ATTEMPTS:
        _ask_again(sync, reason)
        return
    _note(sync, f"The groups could not be read. {reason}")
    _begin_devices(sync)
    _next_page(sync)


def _begin_devices(sync: InventorySync) -> None:
    sync.stage = Stage.DEVICES
    sync.expected = expected_devices()
    sync.page_interval = _page_interval(sync)


def _note(sync: InventorySync, text: str) -> None:
    """Tell what went wrong without ending the read."""
    sync.notice = f"{sync.notice} {text}".strip()[:500]


def expected_devices() -> int:
    """Return how many devices the vendor has: the sum of its groups, or else those known."""
    counted = DeviceGroup.objects.aggregate(sum=Sum("device_count"))["sum"]
    return min(counted or Device.objects.filter(gone_at=None).count(), _MAX_COUNT)


def _page_interval(sync: InventorySync) -> float:
    """Return the seconds between two pages: a background read takes four fifths of its period."""
    if sync.kind != Kind.BACKGROUND:
        return 0.0
    pages = max(1, -(-sync.expected // PAGE))
    return 0.8 * 3600 * float(settings.INVENTORY_FULL_READ_HOURS) / pages


def store_devices(sync: InventorySync, page: DevicePage) -> None:
    """Store a page of devices; after the last one, mark the missing devices as gone.

    An empty page is the end only if MAX_EMPTY_PAGES came in a row. Pages that come again, and more
    than twice the devices that are known, end the read as failed.
    """
    store_records(page.devices)
    sync.devices_read += len(page.devices)
    sync.dropped += page.dropped
    sync.empty_pages = 0 if page.devices or page.dropped else sync.empty_pages + 1
    cursor = page.next_cursor
    if cursor is None or sync.empty_pages >= MAX_EMPTY_PAGES:
        _finish(sync, Stage.DONE, "")
    elif _was_given(sync, cursor):
        fail(sync, f"The vendor's pages go round in circles. {ENDED}")
    elif _is_too_long(sync):
        fail(sync, f"The vendor listed more than twice the known devices. {ENDED}")
    else:
        sync.cursor = cursor
        _next_page(sync)


def _was_given(sync: InventorySync, cursor: str) -> bool:
    """Return whether this read began with this cursor or was given it before; remember it."""
    for each in (sync.cursor, cursor):
        digest = hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        _, is_new = SyncCursor.objects.get_or_create(sync=sync, digest=digest)
    return not is_new


def _is_too_long(sync: InventorySync) -> bool:
    """Return whether the read has had more than twice the rows that there can be."""
    rows = sync.devices_read + sync.dropped
    if rows <= 2 * sync.expected + PAGE:
        return False
    return rows > 2 * Device.objects.filter(gone_at=None).count() + PAGE


def store_changes(sync: InventorySync, page: ChangePage) -> None:
    """Store a page of changes; a page that is not full is the last."""
    store_records(page.changed)
    sync.devices_read += len(page.changed)
    sync.removed_count += _drop_deleted(sync, page)
    sync.dropped += page.dropped
    sync.page += 1
    if page.rows < PAGE:
        _finish(sync, Stage.DONE, "")
    elif (sync.page - 1) * PAGE > 2 * Device.objects.count() + 2 * PAGE:
        fail(sync, f"The vendor listed more than twice as many changes as devices. {ENDED}")
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
    if sync.attempts >= MAX_ATTEMPTS:
        _finish(sync, Stage.FAILED, reason)
    else:
        _ask_again(sync, reason)


def _ask_again(sync: InventorySync, reason: str) -> None:
    sync.detail = reason[:500]
    sync.due_at = clock.now() + timedelta(seconds=min(300, 2**sync.attempts))
    sync.save()


def fail(sync: InventorySync, reason: str) -> None:
    """End the read: the vendor refused it, so asking again would not help."""
    sync.attempts = 0
    _finish(sync, Stage.FAILED, reason)


def stop(sync: InventorySync, actor: Actor) -> None:
    """End the read because a person stopped it, under the account's lock."""
    _end(sync, Stage.STOPPED, f"Stopped by {actor.name}.")
    _record_end(sync, actor, Verb.INVENTORY_SYNC_STOPPED)


def _next_page(sync: InventorySync) -> None:
    sync.attempts, sync.detail = 0, ""
    sync.due_at = clock.now() + timedelta(seconds=sync.page_interval)
    sync.save()
    on_commit.publish_change("inventory", sync.devices_read)


def _finish(sync: InventorySync, stage: InventorySync.Stage, detail: str) -> None:
    if stage == Stage.DONE and sync.kind in FULL_READ_KINDS:
        sync.removed_count, detail = mark_missing(sync)
    _end(sync, stage, detail)
    if not _is_routine(sync):
        _record_end(sync, trail.ENGINE, ENDED_VERB[stage])


def _end(sync: InventorySync, stage: InventorySync.Stage, detail: str) -> None:
    sync.stage, sync.detail = stage, detail[:500]
    sync.running, sync.finished_at = False, clock.now()
    sync.save()
    SyncCursor.objects.filter(sync=sync).delete()
    on_commit.publish_change("inventory", sync.devices_read)


def _record_end(sync: InventorySync, actor: Actor, verb: Verb) -> None:
    trail.record(
        actor,
        verb,
        subject_kind="sync",
        subject=str(sync.pk),
        detail=sync.detail,
        kind=sync.kind,
        devices=sync.devices_read,
        groups=sync.groups_read,
        calls=sync.calls,
        gone=sync.removed_count,
        unreadable=sync.dropped,
        notice=sync.notice,
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
