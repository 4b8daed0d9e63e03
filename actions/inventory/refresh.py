"""Refreshes the devices that somebody views or acts on: the details of fifty in one call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from actions import on_commit
from actions.actor import Actor
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.inventory.models import Device, DeviceRefresh, DeviceSnapshot
from actions.inventory.store import mark_gone
from actions.ratelimit import clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane
from actions.roles import check_submits
from actions.trail import trail
from actions.trail.refusals import records_refusals
from actions.trail.verbs import Verb

MAX_ATTEMPTS = 4
"""Consecutive failures after which a refresh is given up."""

MIN_REFRESH_INTERVAL = timedelta(seconds=10)
"""Minimum time between two refreshes of the same device."""

ABSENT = "OPSWAT did not return this device. If the next answer is the same, it is gone."
"""Detail of a refresh whose answer did not contain the device."""

WATCHED = Lane.NORMAL
"""Lane of a refresh that a person waits for. Not the urgent one: refreshes would then use the slots
that an urgent action needs within its promised time."""

RETRY_SECONDS = 2.0
"""Seconds until the first retry of a failed refresh; the interval doubles."""


@dataclass(frozen=True, slots=True)
class DetailRead:
    """The devices of one Device Details call.

    `commands` are the keys of the commands that are read back, `devices` those of the devices whose
    refresh was requested; `since` is when the oldest became due.
    """

    commands: tuple[int, ...]
    ids: tuple[str, ...]
    since: datetime
    devices: tuple[int, ...] = ()


def _refusal_line(device: Device, **_: Any) -> dict[str, Any]:
    return {"subject_kind": "device", "subject": device.vendor_id}


@records_refusals(Verb.DEVICE_REFRESH_REFUSED, _refusal_line)
@transaction.atomic
def refresh(device: Device, actor: Actor) -> bool:
    """Refresh a device that a person waits for; return False if that is under way or just done."""
    check_submits(actor.role)
    waiting = DeviceRefresh.objects.filter(device=device, due_at__isnull=False, lane=WATCHED)
    at = clock.now()
    just_read = DeviceSnapshot.objects.filter(
        device=device, read_at__gt=at - MIN_REFRESH_INTERVAL, read_at__lte=at
    )
    if waiting.exists() or (just_read.exists() and not device.gone_at):
        return False
    budget.take(actor, Budget.REFRESHES)
    _request([device.pk], WATCHED)
    trail.record(
        actor, Verb.DEVICE_REFRESH_ASKED, subject_kind="device", subject=device.vendor_id, count=1
    )
    on_commit.wake_dispatcher()
    return True


def request_refresh(devices: QuerySet[Device]) -> None:
    """Request a refresh of these devices in the lowest lane, in the caller's transaction."""
    _request(list(devices.values_list("pk", flat=True)), Lane.INVENTORY)


def _request(keys: Iterable[int], lane: Lane) -> None:
    """Store refreshes; one that a person waits for replaces any other, never the reverse."""
    at = clock.now()
    rows = [DeviceRefresh(device_id=key, lane=lane, requested_at=at, due_at=at) for key in keys]
    if lane != WATCHED:
        waiting = DeviceRefresh.objects.filter(device_id__in=[row.device_id for row in rows])
        known = set(waiting.filter(due_at__isnull=False).values_list("device_id", flat=True))
        rows = [row for row in rows if row.device_id not in known]
    DeviceRefresh.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["lane", "requested_at", "due_at", "attempts", "detail"],
    )


def due(lane: Lane, at: datetime) -> DetailRead | None:
    """Return a call's worth of devices to refresh in this lane; those of lower lanes fill it."""
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


def claim(read: DetailRead, call: VendorCall) -> None:
    """Put the refreshes of these devices off until the lease of the call ends."""
    DeviceRefresh.objects.filter(device__in=read.devices).update(due_at=call.lease_until)


def finish(vendor_ids: Iterable[str]) -> None:
    """Delete the refreshes of these devices: they have been read."""
    DeviceRefresh.objects.filter(device__vendor_id__in=list(vendor_ids)).delete()


def mark_as_gone(vendor_ids: Iterable[str]) -> None:
    """Mark devices as gone, and end their refreshes."""
    names = list(vendor_ids)
    mark_gone(names)
    finish(names)


def note_absent(vendor_ids: Iterable[str]) -> None:
    """Mark devices as gone that two answers in a row do not contain; read the others again."""
    devices = Device.objects.filter(vendor_id__in=list(vendor_ids))
    twice = devices.filter(Q(refresh__detail=ABSENT) | Q(gone_at__isnull=False))
    mark_as_gone(twice.values_list("vendor_id", flat=True))
    requested_at, due_at = clock.now(), clock.now() + MIN_REFRESH_INTERVAL
    DeviceRefresh.objects.bulk_create(
        (
            DeviceRefresh(
                device_id=key,
                lane=Lane.INVENTORY,
                requested_at=requested_at,
                due_at=due_at,
                detail=ABSENT,
            )
            for key in devices.filter(gone_at=None).values_list("pk", flat=True)
        ),
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["due_at", "attempts", "detail"],
    )


def requeue(read: DetailRead, reason: str, *, final: bool) -> None:
    """Refresh again after a growing interval; give up after MAX_ATTEMPTS, or if `final`."""
    for row in DeviceRefresh.objects.filter(device__in=read.devices, due_at__isnull=False):
        row.attempts += 1
        row.detail = reason[:500]
        interval = timedelta(seconds=RETRY_SECONDS * 2**row.attempts)
        over = final or row.attempts >= MAX_ATTEMPTS
        row.due_at = None if over else clock.now() + interval
        row.save()
