"""Claim a slot of the minute together with the work that will use it, in one transaction.

Who goes first: a lane that has waited for a whole window without a call, as long as an urgent
call would still be quick; then urgent, normal, bulk, reports, inventory. Within a lane requests
take turns, call by call; commands of other requests that ask the same ride along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from actions.ledger import Ledger, is_starved
from actions.models import DeviceCommand, InventorySync, VendorAccount, VendorCall
from actions.services import budget, inventory, outcomes, readback, tokens
from actions.states import CallState, CommandStatus, Lane
from actions.vendor.payloads import ActionOrder

S = CommandStatus

LOOK_AGAIN = 0.2
"""Seconds after which a pump looks whether a call that is on its way has come back."""

CROWD = 20
"""So many alike urgent commands waiting make a crowd, which waits a little longer to fill calls."""

Commands = list[DeviceCommand]


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot of the minute with the work that will use it."""

    call: VendorCall
    sealed_token: str = field(default="", repr=False)
    order: ActionOrder | None = None
    sync: InventorySync | None = None
    looks: readback.Looks | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing may be sent for so many seconds, although there may be work."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Offer:
    """Work that wants the next slot; it must wait as a call of the lane `waits_as` does."""

    lane: Lane
    work: "DeviceCommand | InventorySync | readback.Looks"
    waits_as: Lane


@transaction.atomic(durable=True)
def claim() -> Claim | Rest | None:
    """Take a slot and the work that goes next; Rest if none is free yet, None without work."""
    account = budget.lock_account()
    at = budget.clock()
    if budget.clock_jumped(at, account):
        clock_was_set(account, at)
    if account.frozen:
        return None
    release_held(at)
    ledger = budget.read_ledger(at)
    rest: float | None = _alike_wait(at)
    for offer in offers(at):
        wait = max(_line_wait(account, ledger), ledger.wait_for(offer.waits_as))
        if wait <= 0:
            return _take(offer, account, at)
        rest = min(wait, rest) if rest else wait
        if offer.waits_as == offer.lane:
            break  # Lower lanes wait at least as long.
    return Rest(rest) if rest else None


def clock_was_set(account: VendorAccount, at: datetime) -> None:
    """Make good what was written by a clock that has been set since: nothing waits for it."""
    budget.clock_was_set(account, at)
    soon = at + budget.lease()
    DeviceCommand.objects.filter(status=S.QUEUED, due_at__gt=at).update(due_at=at)
    InventorySync.objects.filter(running=True, due_at__gt=soon).update(due_at=soon)
    last = at + readback.longest_pause()
    DeviceCommand.objects.filter(check_at__gt=last).update(check_at=last)


def release_held(at: datetime) -> None:
    """Queue the held commands whose time has come."""
    due = DeviceCommand.objects.filter(status=S.HELD, due_at__lte=at)
    if due.exists():
        outcomes.release(due)


def offers(at: datetime) -> Iterator[Offer]:
    """The work of each lane, who goes first first; nothing is asked of the database too early."""
    found = {}
    for lane in (Lane.INVENTORY, Lane.REPORTS, Lane.BULK, Lane.NORMAL):
        found[lane] = work = _next_work(lane, at)
        if work and _is_starved(lane, work, at):
            yield Offer(lane, work, Lane.NORMAL)
    for lane in Lane:
        if work := found[lane] if lane in found else _next_work(lane, at):
            yield Offer(lane, work, lane)


def _is_starved(lane: Lane, work: Any, at: datetime) -> bool:
    waiting = work.since if isinstance(work, readback.Looks) else work.due_at
    if waiting > at - budget.window():
        return False
    calls = VendorCall.objects.filter(lane=lane).exclude(api="token").order_by("-id")
    last = calls.values_list("claimed_at", flat=True).first()
    return is_starved(waiting, last, at, budget.window())


def _line_wait(account: VendorAccount, ledger: Ledger) -> float:
    """Seconds for which the vendor's account as a whole must wait."""
    if account.blocked_until and account.blocked_until > ledger.at:
        return (account.blocked_until - ledger.at).total_seconds()
    if ledger.open_calls >= (1 if account.probe else settings.ENGINE_IN_FLIGHT):
        return LOOK_AGAIN
    return 0.0


def _next_work(lane: Lane, at: datetime) -> "DeviceCommand | InventorySync | readback.Looks | None":
    if lane == Lane.NORMAL:
        return readback.due(S.UNCONFIRMED, at) or _next_command(lane, at)
    if lane == Lane.INVENTORY:
        return readback.due(S.ACCEPTED, at) or inventory.due_sync(at)
    return _next_command(lane, at) if lane <= Lane.BULK else None


def due_commands(at: datetime) -> Any:
    """Queued commands that may go now.

    None waits behind an older one for the same device, or while any call is out with that device:
    an older one that was held may come back while a younger one is in its call.
    """
    same = DeviceCommand.objects.filter(device_key=OuterRef("device_key"))
    older = same.filter(id__lt=OuterRef("id"), status=S.QUEUED)
    in_a_call = same.filter(status=S.SENDING, rides=False)
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    return DeviceCommand.objects.filter(alive, ~Exists(older), ~Exists(in_a_call), status=S.QUEUED)


def _next_command(lane: Lane, at: datetime) -> DeviceCommand | None:
    """The row that goes next in a lane: requests take turns, call by call."""
    rows = due_commands(at).filter(lane=lane).order_by("request_id", "id")
    if lane == Lane.URGENT:
        rows = rows.exclude(likeness__in=_gathering(at))
    calls = VendorCall.objects.filter(lane=lane, lead_request_id__isnull=False)
    last = calls.order_by("-id").first()
    turn: DeviceCommand | None = None
    if last:
        turn = rows.filter(request_id__gt=last.lead_request_id).first()
    return turn or rows.first()


def _gathering(at: datetime) -> dict[str, float]:
    """The kinds of urgent calls that wait a little to fill up, with the seconds that are left.

    The first goes at once. While others ask the same shortly after it, they gather for at most
    ENGINE_URGENT_WAIT seconds, and a crowd for a quarter of the window, or until a call is full:
    so two hundred people who ask the same cost five calls, not a whole minute.
    """
    window = budget.window()
    quarter = max(settings.ENGINE_URGENT_WAIT, window.total_seconds() / 4)
    lately = VendorCall.objects.filter(
        Q(state=CallState.SENDING) | Q(state=CallState.ANSWERED, http_status=200),
        lane=Lane.URGENT,
        api="action",
        claimed_at__gt=at - timedelta(seconds=quarter),
    )
    left = {}
    for likeness, claimed_at in lately.order_by("id").values_list("likeness", "claimed_at"):
        rows = DeviceCommand.objects.filter(likeness=likeness, status=S.QUEUED)
        waiting = len(rows.values_list("pk")[: settings.OPSWAT_MAX_DEVICES])
        patience = quarter if waiting >= CROWD else settings.ENGINE_URGENT_WAIT
        wait = patience - (at - claimed_at).total_seconds()
        left[likeness] = wait if 0 < waiting < settings.OPSWAT_MAX_DEVICES else 0.0
    return {likeness: wait for likeness, wait in left.items() if wait > 0}


def _alike_wait(at: datetime) -> float | None:
    return min(_gathering(at).values(), default=None)


def _take(offer: Offer, account: VendorAccount, at: datetime) -> Claim | Rest:
    sealed_token = tokens.current(account, at)
    if sealed_token is None:
        if VendorCall.objects.filter(api="token", lease_until__gt=at, replied_at=None).exists():
            return Rest(LOOK_AGAIN)
        return Claim(budget.open_call(at, offer.lane, "token"))
    if isinstance(offer.work, InventorySync):
        return _take_page(offer.work, at, offer.lane, sealed_token)
    if isinstance(offer.work, readback.Looks):
        call = readback.take(offer.work, at, offer.lane)
        return Claim(call, sealed_token, looks=offer.work)
    return _take_commands(offer.work, at, offer.lane, sealed_token)


def _take_page(sync: InventorySync, at: datetime, lane: Lane, sealed_token: str) -> Claim:
    call = budget.open_call(at, lane, sync.stage, device_count=inventory.PAGE)
    sync.calls += 1
    sync.due_at = call.lease_until
    sync.save()
    return Claim(call, sealed_token, sync=sync)


def _take_commands(lead: DeviceCommand, at: datetime, lane: Lane, sealed_token: str) -> Claim:
    """Fill a call: first the lead's request's rows, then those of others that ask the same."""
    size = settings.OPSWAT_MAX_DEVICES
    rows = due_commands(at).filter(likeness=lead.likeness, batch=lead.batch)
    rows = rows.select_for_update(of=("self",))
    own = list(rows.filter(request=lead.request_id).order_by("id")[:size])
    likes: Commands = []
    if not lead.batch and len(own) < size:
        others = rows.exclude(request=lead.request_id).order_by("lane", "request_id", "id")
        likes = list(others[: size - len(own)])
    carried = own + likes
    riders = [] if lead.batch else _riders(carried, at)
    call = budget.open_call(
        at,
        lane,
        "action",
        kind_name=lead.request.kind_name,
        params=lead.request.params,
        addressing=lead.request.addressing,
        likeness=lead.likeness,
        device_count=len(carried),
        lead_request_id=lead.request_id,
    )
    _mark_sent(call, carried, rides=False)
    _mark_sent(call, riders, rides=True)
    wishes = {row.request_id for row in carried + riders}
    call.action_requests.add(*wishes)
    outcomes.touch(wishes)
    return Claim(call, sealed_token, order=_order(lead, tuple(row.target for row in carried)))


def _riders(carried: Commands, at: datetime) -> Commands:
    """Commands that ask the same of a device that is named already: it rides once for all.

    Only those that stand directly behind the carried one: what comes between keeps its place.
    """
    lead_of = {row.device_key: row for row in carried}
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    waiting = DeviceCommand.objects.filter(alive, device_key__in=lead_of, status=S.QUEUED).order_by(
        "id"
    )
    riders: Commands = []
    closed: set[str] = set()
    for row in waiting.select_for_update(of=("self",)):
        lead = lead_of[row.device_key]
        if row.pk <= lead.pk or row.device_key in closed:
            continue
        alike = row.likeness == lead.likeness and row.target == lead.target
        if alike and not row.batch:
            riders.append(row)
        else:
            closed.add(row.device_key)
    return riders


def _mark_sent(call: VendorCall, rows: Commands, *, rides: bool) -> None:
    if rows:
        DeviceCommand.objects.filter(pk__in=[row.pk for row in rows]).move(
            S.QUEUED, S.SENDING, call=call, rides=rides, attempts=F("attempts") + 1
        )


def _order(lead: DeviceCommand, targets: tuple[str, ...]) -> ActionOrder:
    wish = lead.request
    return ActionOrder(
        kind=wish.kind_name,
        addressing="macs" if wish.addressing == "macs" else "ids",
        targets=targets,
        exempt_hours=wish.params.get("exempt_time"),
        group_id=wish.params.get("group_id"),
    )
