"""When will it be done? The queue played forward by the rule that the dispatcher itself uses."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from django.conf import settings
from django.db.models import Count, Max, Min
from django.utils import timezone

from actions.ledger import Ledger, hold_after_reply, is_starved
from actions.models import (
    Device,
    DeviceCommand,
    InventorySync,
    VendorAccount,
    VendorCall,
)
from actions.selectors import budget
from actions.states import CallState, CommandStatus, Lane

MOST_CALLS = 4_000
"""Calls that are played through; beyond them the end is reckoned at the full pace."""


@dataclass(slots=True)
class Share:
    """What one request still has in the queue, in devices; the inventory has no request."""

    lane: Lane
    request_id: int | None
    likeness: str
    devices: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the last call of each lane and of each request will be made, if nothing else comes."""

    at: datetime
    lanes: dict[Lane, datetime] = field(default_factory=dict)
    requests: dict[int, datetime] = field(default_factory=dict)
    calls: int = 0
    frozen: bool = False


def forecast() -> Forecast:
    """The queue as it stands, played forward."""
    account = VendorAccount.objects.filter(pk=1).first() or VendorAccount()
    at = timezone.now()
    shares = _queue(at)
    if account.frozen or not shares:
        return Forecast(at, frozen=account.frozen)
    return play(shares, _ledger(max(at, account.blocked_until or at)), _last_calls(at), _hold())


def play(shares: list[Share], ledger: Ledger, last: dict[Lane, datetime], hold: float) -> Forecast:
    """Give the slots away as the dispatcher does; `hold` is how long a call holds its slot (s)."""
    start, turn, calls = ledger.at, dict.fromkeys(Lane, 0), 0
    lanes: dict[Lane, datetime] = {}
    requests: dict[int, datetime] = {}
    while shares and calls < MOST_CALLS:
        lane, wait = _next(shares, ledger, last)
        ledger = ledger.after(wait, hold)
        calls += 1
        last[lane] = lanes[lane] = ledger.at
        for share in _fill(shares, lane, turn):
            if share.request_id is not None:
                requests[share.request_id] = ledger.at
        shares = [share for share in shares if share.devices > 0]
    for share in shares:
        calls += ceil(share.devices / settings.OPSWAT_MAX_DEVICES)
        end = start + timedelta(seconds=calls * hold / ledger.limit)
        lanes[share.lane] = max(end, lanes.get(share.lane, end))
        if share.request_id is not None:
            requests[share.request_id] = end
    return Forecast(start, lanes, requests, calls)


def _next(shares: list[Share], ledger: Ledger, last: dict[Lane, datetime]) -> tuple[Lane, float]:
    """The lane whose call is made next, and in how many seconds."""
    since: dict[Lane, datetime] = {}
    for share in shares:
        since[share.lane] = min(share.since, since.get(share.lane, share.since))
    first = min(since)
    wait = ledger.wait_for(first)
    window = timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])
    for lane in sorted(since, reverse=True):
        soon = ledger.wait_for(Lane.NORMAL)
        moment = ledger.at + timedelta(seconds=soon)
        starved = is_starved(since[lane], last.get(lane), moment, window)
        if lane > Lane.URGENT and soon <= wait and starved:
            return lane, soon
    return first, wait


def _fill(shares: list[Share], lane: Lane, turn: dict[Lane, int]) -> list[Share]:
    """Take a call's worth: the share whose turn it is, then others that ask the same."""
    mine = [share for share in shares if share.lane == lane]
    lead = next((s for s in mine if (s.request_id or 0) > turn[lane]), mine[0])
    turn[lane] = lead.request_id or 0
    alike = [s for s in shares if s is not lead and s.likeness and s.likeness == lead.likeness]
    room, taken = settings.OPSWAT_MAX_DEVICES, []
    for share in [lead, *alike]:
        count = min(room, share.devices)
        if count:
            share.devices -= count
            room -= count
            taken.append(share)
    return taken


def _queue(at: datetime) -> list[Share]:
    rows = DeviceCommand.objects.filter(status=CommandStatus.QUEUED).order_by()
    grouped = rows.values_list("lane", "request_id", "likeness").annotate(
        Count("id"), Min("due_at")
    )
    shares = [
        Share(Lane(lane), request, likeness, count, since)
        for lane, request, likeness, count, since in sorted(grouped)
    ]
    sync = InventorySync.objects.filter(running=True).first()
    if sync:
        left = Device.objects.filter(gone_at=None).count() - sync.devices_read
        shares.append(Share(Lane.INVENTORY, None, "", max(1, left), sync.due_at))
    return shares


def _ledger(at: datetime) -> Ledger:
    held = VendorCall.objects.filter(holds_until__gt=at).order_by("holds_until")
    return Ledger(
        at=at,
        holds=tuple(held.values_list("holds_until", flat=True)),
        open_calls=0,
        limit=int(settings.OPSWAT_RATE_LIMIT[0]) - settings.ENGINE_RESERVE,
        urgent_wait=settings.ENGINE_URGENT_WAIT,
    )


def _last_calls(at: datetime) -> dict[Lane, datetime]:
    """The last call of each lane; one that is older than two windows is as good as none."""
    since = at - timedelta(seconds=2 * settings.OPSWAT_RATE_LIMIT[1])
    calls = VendorCall.objects.filter(claimed_at__gt=since).exclude(api="token").order_by()
    found = calls.values_list("lane").annotate(Max("claimed_at"))
    return {Lane(lane): moment for lane, moment in found}


def _hold() -> float:
    """How long a call holds its slot, in seconds, judged by the latest answers."""
    answered = VendorCall.objects.filter(state=CallState.ANSWERED).order_by("-id")[:20]
    took = [call.seconds for call in answered if call.seconds is not None]
    window = timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])
    return (median(took) if took else 0.5) + hold_after_reply(window).total_seconds()


@dataclass(frozen=True, slots=True)
class LaneAhead:
    """What waits in a lane, in devices, and when its last call is made if nothing else comes."""

    lane: Lane
    devices: int
    ends_at: datetime | None


def lanes_ahead() -> list[LaneAhead]:
    """The lanes that have work, who goes first first; a running read counts as the inventory's."""
    outlook = forecast()
    waiting = dict(budget.queue())
    if Lane.INVENTORY in outlook.lanes:
        waiting.setdefault(Lane.INVENTORY, 0)
    return [LaneAhead(lane, waiting[lane], outlook.lanes.get(lane)) for lane in sorted(waiting)]
