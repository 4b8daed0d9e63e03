"""When will it be done? The queue played forward by the rule that the dispatcher itself uses."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from django.conf import settings
from django.db.models import Count, Max, Min
from django.utils import timezone

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submissions import lane_for
from actions.agent_logs.models import AgentLog
from actions.inventory.models import DeviceRefresh, InventorySync
from actions.ratelimit.ledger import Ledger, hold_after_reply, is_starved
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane

MAX_CALLS = 1_000
"""Calls that are played through; beyond them the end is reckoned at the full page_interval."""


@dataclass(slots=True)
class Backlog:
    """What one request still has in the queue, in devices; the inventory has no request."""

    lane: Lane
    request_id: int | None
    coalesce_key: str
    devices: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the last call of each lane and of each request will be made, if nothing else comes.

    `begins` has the first call of each request; `devices` and `logs` are what waits in each lane.
    """

    at: datetime
    lanes: dict[Lane, datetime] = field(default_factory=dict)
    requests: dict[int, datetime] = field(default_factory=dict)
    begins: dict[int, datetime] = field(default_factory=dict)
    calls: int = 0
    frozen: bool = False
    devices: dict[Lane, int] = field(default_factory=dict)
    logs: dict[Lane, int] = field(default_factory=dict)


def forecast(wish: Backlog | None = None) -> Forecast:
    """The queue as it stands, played forward, with a wish that has not been stored at its end."""
    account = VendorAccount.objects.filter(pk=1).first() or VendorAccount()
    at = timezone.now()
    queue, logs = _queue(), _logs(at)
    devices: Counter[Lane] = Counter()
    for share in queue:
        devices[share.lane] += share.devices
    waiting = Forecast(
        at,
        frozen=account.frozen,
        devices=dict(devices),
        logs={share.lane: share.devices // settings.OPSWAT_MAX_DEVICES for share in logs},
    )
    shares = queue + _looks() + _reads() + logs + ([wish] if wish else [])
    if account.frozen or not shares:
        return waiting
    ledger = _ledger(max(at, account.open_until or at))
    played = simulate(shares, ledger, _last_calls(at), _hold())
    return replace(played, devices=waiting.devices, logs=waiting.logs)


def simulate(
    shares: list[Backlog], ledger: Ledger, last: dict[Lane, datetime], hold: float
) -> Forecast:
    """Give the slots away as the dispatcher does; `hold` is how long a call holds its slot (s)."""
    start, turn, calls = ledger.at, dict.fromkeys(Lane, 0), 0
    lanes: dict[Lane, datetime] = {}
    requests: dict[int, datetime] = {}
    begins: dict[int, datetime] = {}
    while shares and calls < MAX_CALLS:
        lane, wait = _next(shares, ledger, last)
        ledger = ledger.after(wait, hold)
        calls += 1
        last[lane] = lanes[lane] = ledger.at
        for share in _fill(shares, lane, turn):
            if share.request_id is not None:
                requests[share.request_id] = ledger.at
                begins.setdefault(share.request_id, ledger.at)
        shares = [share for share in shares if share.devices > 0]
    for share in shares:
        begin = start + timedelta(seconds=(calls + 1) * hold / ledger.limit)
        calls += ceil(share.devices / settings.OPSWAT_MAX_DEVICES)
        end = start + timedelta(seconds=calls * hold / ledger.limit)
        lanes[share.lane] = max(end, lanes.get(share.lane, end))
        if share.request_id is not None:
            requests[share.request_id] = end
            begins.setdefault(share.request_id, begin)
    return Forecast(start, lanes, requests, begins, calls)


def _next(shares: list[Backlog], ledger: Ledger, last: dict[Lane, datetime]) -> tuple[Lane, float]:
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


def _fill(shares: list[Backlog], lane: Lane, turn: dict[Lane, int]) -> list[Backlog]:
    """Take a call's worth: the share whose turn it is, then others that ask the same."""
    mine = [share for share in shares if share.lane == lane]
    lead = next((s for s in mine if (s.request_id or 0) > turn[lane]), mine[0])
    turn[lane] = lead.request_id or 0
    alike = [
        s
        for s in shares
        if s is not lead and s.coalesce_key and s.coalesce_key == lead.coalesce_key
    ]
    room, taken = settings.OPSWAT_MAX_DEVICES, []
    for share in [lead, *alike]:
        count = min(room, share.devices)
        if count:
            share.devices -= count
            room -= count
            taken.append(share)
    return taken


def _queue() -> list[Backlog]:
    """What the requests still have in the queue."""
    rows = DeviceCommand.objects.filter(status=CommandStatus.QUEUED).order_by()
    # Counted in the index alone; what else is asked stands in the row that goes next.
    grouped = sorted(rows.values_list("lane", "request_id").annotate(Count("id"), Min("id")))
    leads = rows.in_bulk([first for _, _, _, first in grouped])
    return [
        Backlog(Lane(lane), request, leads[first].coalesce_key, count, leads[first].due_at)
        for lane, request, count, first in grouped
        if first in leads
    ]


def _looks() -> list[Backlog]:
    """Single devices that somebody wants to be looked at."""
    rows = DeviceRefresh.objects.filter(due_at__isnull=False).order_by()
    grouped = rows.values_list("lane").annotate(Count("id"), Min("due_at"))
    return [Backlog(Lane(lane), None, "", count, since) for lane, count, since in grouped]


def _reads() -> list[Backlog]:
    """Inventory reads without a page interval: they use every slot that is left."""
    calls, seconds = settings.OPSWAT_RATE_LIMIT
    rows = InventorySync.objects.filter(running=True, page_interval__lt=seconds / calls)
    return [
        Backlog(
            Lane.INVENTORY, None, "", sync.calls_left * settings.OPSWAT_MAX_DEVICES, sync.due_at
        )
        for sync in rows
    ]


def _logs(at: datetime) -> list[Backlog]:
    """The logs that are due now: each takes a call of its own, as a call full of devices does."""
    due = AgentLog.objects.filter(open=True, due_at__lte=at).order_by()
    found = due.values_list("lane").annotate(Count("id"), Min("due_at"))
    full = settings.OPSWAT_MAX_DEVICES
    return [Backlog(Lane(lane), None, "", count * full, since) for lane, count, since in found]


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
    calls = VendorCall.objects.filter(claimed_at__gt=since, claimed_at__lte=at)
    found = calls.exclude(api="token").order_by().values_list("lane").annotate(Max("claimed_at"))
    return {Lane(lane): moment for lane, moment in found}


def _hold() -> float:
    """How long a call holds its slot, in seconds, judged by the latest answers."""
    answered = VendorCall.objects.filter(state=CallState.ANSWERED).order_by("-id")[:20]
    took = [call.seconds for call in answered if call.seconds is not None]
    window = timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])
    return (median(took) if took else 0.5) + hold_after_reply(window).total_seconds()


NOT_STORED = 2**62
"""In a forecast, the key of a request that is still being composed: the last of all."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a request would cost: calls, and when the first and the last of them would be made."""

    calls: int
    first_at: datetime | None
    last_at: datetime | None
    frozen: bool


def estimate(devices: int) -> CostEstimate:
    """The price of a request for so many devices, given the queue as it stands; nothing is sent."""
    calls = ceil(devices / settings.OPSWAT_MAX_DEVICES)
    wish = Backlog(lane_for(devices), NOT_STORED, "", devices, timezone.now())
    ahead = forecast(wish)
    first, last = ahead.begins.get(NOT_STORED), ahead.requests.get(NOT_STORED)
    return CostEstimate(calls, first, last, ahead.frozen)


@dataclass(frozen=True, slots=True)
class LaneBacklog:
    """What waits in a lane, and when its last call is made if nothing else comes."""

    lane: Lane
    devices: int
    logs: int
    ends_at: datetime | None


def lane_backlogs() -> list[LaneBacklog]:
    """The lanes that have work, who goes first first; a running read counts as the inventory's."""
    outlook = forecast()
    waiting, logs = outlook.devices, outlook.logs
    lanes = waiting.keys() | logs.keys()
    if Lane.INVENTORY in outlook.lanes:
        lanes |= {Lane.INVENTORY}
    return [
        LaneBacklog(lane, waiting.get(lane, 0), logs.get(lane, 0), outlook.lanes.get(lane))
        for lane in sorted(lanes)
    ]
