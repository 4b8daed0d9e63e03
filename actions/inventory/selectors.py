"""What the pages show of reading the inventory."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q

from actions.dispatch.forecast import forecast
from actions.inventory.models import InventorySync
from actions.ratelimit.states import Lane

Kind, Stage = InventorySync.Kind, InventorySync.Stage
WHOLE = (Kind.FULL, Kind.SWEEP)


@dataclass(frozen=True, slots=True)
class Running:
    """A read that runs, and when its last call goes as far as can be known."""

    sync: InventorySync
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How fresh the inventory is: what runs, the last whole read, the last of the changes.

    `failed` is a read after which none of its kind has succeeded.
    """

    running: tuple[Running, ...]
    whole: InventorySync | None
    changes: InventorySync | None
    failed: InventorySync | None

    @property
    def fast(self) -> tuple[Running, ...]:
        """The reads that go as fast as they may: worth watching."""
        return tuple(each for each in self.running if not each.sync.pace)


def state(*, with_ends: bool = False) -> State:
    """The inventory as it stands; the ends cost some queries more."""
    newest = InventorySync.objects.order_by().values("kind")
    ended = newest.filter(stage=Stage.DONE)
    keys = [each.annotate(key=Max("pk")).values("key") for each in (newest, ended)]
    rows = list(InventorySync.objects.filter(Q(pk__in=keys[0]) | Q(pk__in=keys[1])))
    going = tuple(Running(row) for row in rows if row.running)
    if with_ends and going:
        end = forecast().lanes.get(Lane.INVENTORY)
        going = tuple(Running(each.sync, _end(each.sync, end)) for each in going)
    done = [row for row in rows if row.stage == Stage.DONE]
    failed = [row for row in rows if row.stage == Stage.FAILED]
    return State(
        running=going,
        whole=next((row for row in done if row.kind in WHOLE), None),
        changes=next((row for row in done if row.kind == Kind.CHANGES), None),
        failed=next((row for row in failed if _still_matters(row, done)), None),
    )


def _still_matters(failed: InventorySync, done: list[InventorySync]) -> bool:
    """A whole read makes up for any other that failed before it."""
    return not any(row.pk > failed.pk and row.kind in (failed.kind, *WHOLE) for row in done)


def _end(sync: InventorySync, end: datetime | None) -> datetime | None:
    if sync.pace:
        return sync.due_at + timedelta(seconds=sync.pace * (sync.calls_left - 1))
    return end


def latest(limit: int = 30) -> list[InventorySync]:
    """The latest reads, newest first."""
    return list(InventorySync.objects.all()[:limit])
