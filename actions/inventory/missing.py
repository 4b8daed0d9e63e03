"""What a whole read did not find: when its devices are marked as gone, and when it is read again.

How the vendor marks the end of its list is not documented, so a list may end too early. Two rules
keep it from taking devices away: a device is gone only if two reads in a row did not find it, and
a read that found clearly fewer devices than the groups say counts only with a second like it.
"""

from actions.inventory.models import FULL_READ_KINDS, Device, InventorySync
from actions.ratelimit import clock

Stage = InventorySync.Stage


def tolerance(expected: int) -> int:
    """Return by how many devices a list may be shorter than its groups without being too short.

    The groups are read before the devices, and a background read takes most of a day: a hundredth
    of the devices may go meanwhile (*assumed*), or two of a small fleet. What an early end within
    it hides is found by the next read, because one read takes no device away.
    """
    return max(2, expected // 100)


def mark_missing(sync: InventorySync) -> tuple[int, str]:
    """Mark the devices that two reads in a row did not find as gone; return how many, and a remark.

    An empty list, and one with unreadable rows, remove nothing.
    """
    unseen = Device.objects.filter(gone_at=None, last_sync_id__lt=sync.pk)
    whole = InventorySync.objects.filter(kind__in=FULL_READ_KINDS, stage=Stage.DONE)
    earlier = whole.exclude(pk=sync.pk)
    sync.short = _is_short(sync)
    before = earlier.first() if sync.short else earlier.filter(short=False).first()
    removed = 0
    agreed = before is not None and (not sync.short or _agree(before, sync))
    if before is not None and agreed and sync.devices_read and not sync.dropped:
        removed = unseen.filter(last_sync_id__lt=before.pk).update(gone_at=clock.now())
    if sync.short:
        sync.notice = f"{sync.notice} {_too_short(sync, agreed=agreed)}".strip()[:500]
    missing = unseen.count()
    if not missing:
        return removed, ""
    known = f"{missing:,} known device{'s were' if missing > 1 else ' was'} not found."
    return removed, f"{known} Marked as gone if the next full read does not find them either."


def needs_another(whole: InventorySync) -> bool:
    """Return whether a whole read is to be repeated: too short, the latest, the first of its kind.

    If the second is too short as well, the vendor's numbers differ, and the schedule goes on.
    """
    reads = InventorySync.objects.filter(kind__in=FULL_READ_KINDS, pk__gte=whole.pk)
    if not whole.short or reads.count() > 1:
        return False
    done = InventorySync.objects.filter(kind__in=FULL_READ_KINDS, stage=Stage.DONE)
    before = done.filter(pk__lt=whole.pk).first()
    return before is None or not before.short


def _is_short(sync: InventorySync) -> bool:
    """Return whether a read found clearly fewer devices than the groups that it read contain."""
    if not sync.groups_read:
        return False
    found = Device.objects.filter(gone_at=None, last_sync_id__gte=sync.pk).count()
    # Rows that come twice must not hide what is missing.
    seen = min(found, sync.devices_read) + sync.dropped
    return sync.expected - seen > tolerance(sync.expected)


def _agree(before: InventorySync, sync: InventorySync) -> bool:
    """Return whether two reads that were too short ended at the same number of devices."""
    difference = abs(before.devices_read - sync.devices_read)
    return before.short and difference <= tolerance(sync.expected)


def _too_short(sync: InventorySync, *, agreed: bool) -> str:
    found = f"The list ended after {sync.devices_read:,} devices, the groups have {sync.expected:,}"
    if agreed:
        return f"{found}, as in the read before: devices that both did not find are marked as gone."
    return f"{found}: no device is marked as gone, and the inventory is read again."
