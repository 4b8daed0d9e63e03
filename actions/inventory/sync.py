"""Starts the reads of the vendor's groups and devices, within the rate limit.

A full read costs one call for each fifty devices. So three cheaper reads keep the inventory fresh:
what enrolled since the last cursor, what changed or was deleted since the last such read, and a
slow read of everything in the background. Devices that somebody views or acts on are read one by
one (refresh.py).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from actions import on_commit
from actions.actor import Actor
from actions.errors import Code, NotAllowed
from actions.inventory.missing import needs_another
from actions.inventory.models import FULL_READ_KINDS, PAGE, InventorySync
from actions.inventory.pages import MAX_CHANGE_AGE, OVERLAP, expected_devices, stop
from actions.ratelimit import accounts, clock
from actions.roles import RIGHTS
from actions.trail import trail
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb

KEEP_SMALL_READS_DAYS = 3
"""Days for which the row of a small read is kept: there are hundreds of them a day."""

Kind, Stage = InventorySync.Kind, InventorySync.Stage


@records_refusals(Verb.INVENTORY_SYNC_REFUSED, fixed_subject("sync", "full"))
def start_sync(actor: Actor) -> tuple[InventorySync, bool]:
    """Start a full read; if one is running, return that one and False.

    It replaces a running background read. Raises NotAllowed unless the actor's role controls the
    engine.
    """
    if not RIGHTS[actor.role].controls_engine:
        raise NotAllowed(
            Code.ROLE_MAY_NOT_SYNC,
            "The role %(role)s cannot start a full read.",
            role=actor.role.label,
        )
    try:
        with transaction.atomic():
            sync = _start(Kind.FULL, actor, stage=Stage.GROUPS, expected=expected_devices())
            slow = InventorySync.objects.filter(kind=Kind.BACKGROUND, running=True)
            slow.update(running=False, stage=Stage.REPLACED, finished_at=sync.started_at)
    except IntegrityError:
        return InventorySync.objects.get(kind=Kind.FULL, running=True), False
    return sync, True


@records_refusals(Verb.INVENTORY_SYNC_STOP_REFUSED, fixed_subject("sync", "running"))
@transaction.atomic
def stop_syncs(actor: Actor, key: int | None = None) -> int:
    """Stop the running read with that key, or all running reads; return how many were stopped.

    What has been read stays, and nothing is marked as gone. Raises NotAllowed unless the actor's
    role controls the engine.
    """
    if not RIGHTS[actor.role].controls_engine:
        raise NotAllowed(
            Code.ROLE_MAY_NOT_SYNC,
            "The role %(role)s cannot stop a read.",
            role=actor.role.label,
        )
    accounts.lock()  # The pages of a read are stored under the same lock.
    running = InventorySync.objects.filter(running=True)
    stopped = list(running if key is None else running.filter(pk=key))
    for sync in stopped:
        stop(sync, actor)
    return len(stopped)


@transaction.atomic
def start_due() -> list[InventorySync]:
    """Start the reads that are due; none before the first full read.

    A read that ended too early is repeated at once, in the way in which it was made.
    """
    accounts.lock()  # Of two concurrent callers only one starts a read.
    at = clock.now()
    whole = InventorySync.objects.filter(kind__in=FULL_READ_KINDS, stage=Stage.DONE).first()
    if whole is None:
        return []
    busy = set(InventorySync.objects.filter(running=True).values_list("kind", flat=True))
    since = _changes_since(whole)
    started = []
    if Kind.CHANGES not in busy and _is_due(Kind.CHANGES, settings.INVENTORY_CHANGES_MINUTES, at):
        fields = {"stage": Stage.CHANGES, "since": since}
        started.append(_start(Kind.CHANGES, trail.ENGINE, **fields))
    cursor = None if busy & {Kind.NEW, Kind.FULL} else _last_cursor(whole)
    if cursor is not None and _is_due(Kind.NEW, settings.INVENTORY_NEW_MINUTES, at):
        started.append(_start(Kind.NEW, trail.ENGINE, stage=Stage.DEVICES, cursor=cursor))
    hours = settings.INVENTORY_FULL_READ_HOURS
    old = whole.started_at + timedelta(hours=hours) <= at
    missed = settings.INVENTORY_CHANGES_MINUTES and since < at - MAX_CHANGE_AGE
    if (
        hours
        and (old or missed)
        and not busy.intersection(FULL_READ_KINDS)
        and _is_due(Kind.BACKGROUND, 60, at)
    ):
        started.append(_start_whole(Kind.BACKGROUND))
    elif not busy.intersection(FULL_READ_KINDS) and needs_another(whole):
        started.append(_start_whole(Kind(whole.kind)))
    return started


def _start_whole(kind: InventorySync.Kind) -> InventorySync:
    return _start(kind, trail.ENGINE, stage=Stage.GROUPS, expected=expected_devices())


def _start(kind: InventorySync.Kind, actor: Actor, **fields: object) -> InventorySync:
    at = clock.now()
    sync = InventorySync.objects.create(
        kind=kind, actor=actor.label[:150], started_at=at, due_at=at, **fields
    )
    if kind in FULL_READ_KINDS:
        trail.record(
            actor, Verb.INVENTORY_SYNC_STARTED, subject_kind="sync", subject=str(sync.pk), kind=kind
        )
    InventorySync.objects.filter(
        running=False, started_at__lt=at - timedelta(days=KEEP_SMALL_READS_DAYS)
    ).exclude(kind__in=FULL_READ_KINDS).delete()
    on_commit.wake_dispatcher()
    return sync


def _is_due(kind: InventorySync.Kind, minutes: float, at: datetime) -> bool:
    """Return whether the last read of the kind, or of everything, began so many minutes ago.

    0 minutes means never.
    """
    kinds = [kind] if kind in FULL_READ_KINDS else [kind, *FULL_READ_KINDS]
    last = InventorySync.objects.filter(kind__in=kinds).first()
    late = last is None or last.started_at + timedelta(minutes=minutes) <= at
    # After the clock was set back, a start in the future must not stop the reads.
    return minutes > 0 and (late or (last is not None and last.started_at > at))


def _changes_since(whole: InventorySync) -> datetime:
    done = InventorySync.objects.filter(kind=Kind.CHANGES, stage=Stage.DONE).first()
    return (done or whole).started_at - OVERLAP


def _last_cursor(whole: InventorySync) -> str | None:
    """Return the vendor's cursor of the last page; None if there is none or it was refused.

    An empty cursor is usable only if the list has a single page.
    """
    mine = InventorySync.objects.exclude(kind=Kind.CHANGES)
    refused = mine.filter(kind=Kind.NEW, stage=Stage.FAILED, attempts=0, pk__gt=whole.pk)
    newest = mine.filter(stage=Stage.DONE).order_by("-finished_at").first() or whole
    if refused.exists() or (not newest.cursor and newest.devices_read > PAGE):
        return None
    return newest.cursor
