"""Look at exactly the devices that somebody acts on or looks at: fifty details in one call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from actions import on_commit
from actions.actor import Actor
from actions.inventory.models import Device, DeviceRefresh, DeviceSnapshot
from actions.ratelimit import clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane
from actions.trail import trail

MAX_ATTEMPTS = 4
"""Troubles in a row after which a look is given up."""

MIN_REFRESH_INTERVAL = timedelta(seconds=10)
"""Whoever asks again so soon after a look would spend a call of the minute on nothing."""

AGAIN = 2.0
"""Seconds until the first look that failed is repeated; the pause doubles."""


@dataclass(frozen=True, slots=True)
class DetailRead:
    """Devices looked at in one call, and for which commands; `since` is when the oldest was due.

    `devices` are the keys of those that are looked at for their own sake.
    """

    commands: tuple[int, ...]
    ids: tuple[str, ...]
    since: datetime
    devices: tuple[int, ...] = ()


@transaction.atomic
def refresh(device: Device, actor: Actor) -> bool:
    """A person waits for fresh data of this device; False if a look is under way or just over."""
    waiting = DeviceRefresh.objects.filter(device=device, due_at__isnull=False, lane=Lane.URGENT)
    moment = now()
    just_read = DeviceSnapshot.objects.filter(
        device=device, read_at__gt=moment - MIN_REFRESH_INTERVAL, read_at__lte=moment
    )
    if waiting.exists() or (just_read.exists() and not device.gone_at):
        return False
    _ask([device.pk], Lane.URGENT)
    trail.record(
        actor, "device.refresh_asked", subject_kind="device", subject=device.vendor_id, count=1
    )
    on_commit.work_waits()
    return True


def request_refresh(devices: QuerySet[Device]) -> None:
    """Look at these devices when the minute has room; inside the caller's transaction."""
    _ask(list(devices.values_list("pk", flat=True)), Lane.INVENTORY)


def _ask(keys: Iterable[int], lane: Lane) -> None:
    """An urgent wish comes before the same one that has time; never the other way round."""
    moment = now()
    rows = [
        DeviceRefresh(device_id=key, lane=lane, requested_at=moment, due_at=moment) for key in keys
    ]
    if lane != Lane.URGENT:
        waiting = DeviceRefresh.objects.filter(device_id__in=[row.device_id for row in rows])
        there = set(waiting.filter(due_at__isnull=False).values_list("device_id", flat=True))
        rows = [row for row in rows if row.device_id not in there]
    DeviceRefresh.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["lane", "requested_at", "due_at", "attempts", "detail"],
    )


def due(lane: Lane, at: datetime) -> DetailRead | None:
    """A call's worth of devices to look at in this lane; those of lower lanes fill it up."""
    rows = DeviceRefresh.objects.filter(due_at__lte=at).order_by("lane", "due_at", "id")
    if not rows.filter(lane=lane).exists():
        return None
    found = list(rows.filter(lane__gte=lane).select_related("device")[: _max_calls()])
    return DetailRead(
        commands=(),
        ids=tuple(row.device.vendor_id for row in found),
        since=found[0].due_at or at,
        devices=tuple(row.device_id for row in found),
    )


def _max_calls() -> int:
    return min(int(settings.OPSWAT_MAX_DEVICES), 50)


def claim(looks: DetailRead, call: VendorCall) -> None:
    """Keep other pumps from looking at the same devices meanwhile."""
    DeviceRefresh.objects.filter(device__in=looks.devices).update(due_at=call.lease_until)


def finish(vendor_ids: Iterable[str]) -> None:
    """These devices have been looked at, whoever asked for it."""
    DeviceRefresh.objects.filter(device__vendor_id__in=list(vendor_ids)).delete()


def requeue(looks: DetailRead, reason: str, *, final: bool) -> None:
    """The look did not succeed: look again after a pause that grows, and give up in the end."""
    for row in DeviceRefresh.objects.filter(device__in=looks.devices, due_at__isnull=False):
        row.attempts += 1
        row.detail = reason[:500]
        pause = timedelta(seconds=AGAIN * 2**row.attempts)
        over = final or row.attempts >= MAX_ATTEMPTS
        row.due_at = None if over else clock.now() + pause
        row.save()
