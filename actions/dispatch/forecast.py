"""Forecast: plays the queue forward by the rule that the dispatcher itself uses."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from actions.dispatch.work import WORKS, Backlog
from actions.ratelimit import accounts, call_size, limiter, window
from actions.ratelimit.ledger import Ledger, hold_after_reply, is_starved
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane

MAX_CALLS = 1_000
"""Calls that are simulated one by one; the end of the rest is computed at the full rate."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the last call of each lane and each request will be made, if no other work comes.

    `begins` has the first call of each request, by its key; `devices` and `logs` count what waits
    in each lane, `per_call` the devices that a call of a request carries.
    """

    at: datetime
    lanes: dict[Lane, datetime] = field(default_factory=dict)
    requests: dict[int, datetime] = field(default_factory=dict)
    begins: dict[int, datetime] = field(default_factory=dict)
    calls: int = 0
    frozen: bool = False
    devices: dict[Lane, int] = field(default_factory=dict)
    logs: dict[Lane, int] = field(default_factory=dict)
    per_call: int = 1


def forecast(new: Backlog | None = None) -> Forecast:
    """Return the forecast of the queue as it stands, with `new` at its end if it is given."""
    account = accounts.read()
    at = timezone.now()
    found = [backlog for work in WORKS for backlog in work.backlog(at)]
    devices: Counter[Lane] = Counter()
    logs: Counter[Lane] = Counter()
    for each in found:
        if each.counted_as == "devices":
            devices[each.lane] += each.devices
        elif each.counted_as == "logs":
            logs[each.lane] += each.devices // settings.OPSWAT_MAX_DEVICES
    size = call_size.allowed(account)
    waiting = Forecast(
        at, frozen=account.frozen, devices=dict(devices), logs=dict(logs), per_call=size
    )
    backlogs = found + ([new] if new else [])
    if account.frozen or not backlogs:
        return waiting
    ledger = limiter.read_ledger(max(at, account.open_until or at), account)
    played = simulate(backlogs, replace(ledger, open_calls=0), _last_calls(at), _hold(), size)
    return replace(played, devices=waiting.devices, logs=waiting.logs, per_call=size)


def simulate(
    backlogs: list[Backlog],
    ledger: Ledger,
    last: dict[Lane, datetime],
    hold: float,
    size: int | None = None,
) -> Forecast:
    """Give the slots away as the dispatcher does; a call holds its slot for `hold` seconds.

    A call of a request carries `size` devices.
    """
    start, turn, calls = ledger.at, dict.fromkeys(Lane, 0), 0
    lanes: dict[Lane, datetime] = {}
    requests: dict[int, datetime] = {}
    begins: dict[int, datetime] = {}
    while backlogs and calls < MAX_CALLS:
        lane, wait = _next(backlogs, ledger, last)
        ledger = ledger.after(wait, hold)
        calls += 1
        last[lane] = lanes[lane] = ledger.at
        for backlog in _fill(backlogs, lane, turn, size):
            if backlog.request_id is not None:
                requests[backlog.request_id] = ledger.at
                begins.setdefault(backlog.request_id, ledger.at)
        backlogs = [backlog for backlog in backlogs if backlog.devices > 0]
    for backlog in backlogs:
        begin = start + timedelta(seconds=(calls + 1) * hold / ledger.limit)
        calls += ceil(backlog.devices / _room(backlog, size))
        end = start + timedelta(seconds=calls * hold / ledger.limit)
        lanes[backlog.lane] = max(end, lanes.get(backlog.lane, end))
        if backlog.request_id is not None:
            requests[backlog.request_id] = end
            begins.setdefault(backlog.request_id, begin)
    return Forecast(start, lanes, requests, begins, calls)


def _next(
    backlogs: list[Backlog], ledger: Ledger, last: dict[Lane, datetime]
) -> tuple[Lane, float]:
    """Return the lane whose call is made next, and in how many seconds."""
    since: dict[Lane, datetime] = {}
    for backlog in backlogs:
        since[backlog.lane] = min(backlog.since, since.get(backlog.lane, backlog.since))
    first = min(since)
    wait = ledger.wait_for(first)
    for lane in sorted(since, reverse=True):
        soon = ledger.wait_for(Lane.NORMAL)
        at = ledger.at + timedelta(seconds=soon)
        starved = is_starved(since[lane], last.get(lane), at, window.length())
        if lane > Lane.URGENT and soon <= wait and starved:
            return lane, soon
    return first, wait


def _room(backlog: Backlog, size: int | None) -> int:
    """Return how many devices of this backlog a call carries."""
    whole = int(settings.OPSWAT_MAX_DEVICES)
    return whole if backlog.request_id is None or size is None else size


def _fill(
    backlogs: list[Backlog], lane: Lane, turn: dict[Lane, int], size: int | None
) -> list[Backlog]:
    """Take a call's worth: the backlog whose turn it is, then others of its coalesce key."""
    mine = [backlog for backlog in backlogs if backlog.lane == lane]
    lead = next((s for s in mine if (s.request_id or 0) > turn[lane]), mine[0])
    turn[lane] = lead.request_id or 0
    alike = [
        s
        for s in backlogs
        if s is not lead and s.coalesce_key and s.coalesce_key == lead.coalesce_key
    ]
    room, taken = _room(lead, size), []
    for backlog in [lead, *alike]:
        count = min(room, backlog.devices)
        if count:
            backlog.devices -= count
            room -= count
            taken.append(backlog)
    return taken


def _last_calls(at: datetime) -> dict[Lane, datetime]:
    """Return the time of each lane's last call; one older than two windows has no effect."""
    calls = limiter.calls_within(2 * window.length(), at)
    found = calls.exclude(api="token").order_by().values_list("lane").annotate(Max("claimed_at"))
    return {Lane(lane): claimed_at for lane, claimed_at in found}


def _hold() -> float:
    """Return how long a call holds its slot in seconds, by the median of the latest answers."""
    answered = VendorCall.objects.filter(state=CallState.ANSWERED).order_by("-id")[:20]
    took = [call.seconds for call in answered if call.seconds is not None]
    return (median(took) if took else 0.5) + hold_after_reply(window.length()).total_seconds()


NOT_STORED = 2**62
"""Key, in a forecast, of a request that is not stored yet; it sorts after all others."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """The cost of a request: its calls, and when the first and the last of them would be made."""

    calls: int
    first_at: datetime | None
    last_at: datetime | None
    frozen: bool


def estimate(devices: int, lane: Lane) -> CostEstimate:
    """Return the cost of a request for so many devices, given the queue as it stands."""
    ahead = forecast(Backlog(lane, devices, timezone.now(), NOT_STORED))
    calls = ceil(devices / ahead.per_call)
    first, last = ahead.begins.get(NOT_STORED), ahead.requests.get(NOT_STORED)
    return CostEstimate(calls, first, last, ahead.frozen)


@dataclass(frozen=True, slots=True)
class LaneBacklog:
    """What waits in a lane, and when its last call is made if no other work comes."""

    lane: Lane
    devices: int
    logs: int
    ends_at: datetime | None


def lane_backlogs() -> list[LaneBacklog]:
    """Return the lanes that have work, in the order in which they are served."""
    outlook = forecast()
    waiting, logs = outlook.devices, outlook.logs
    lanes = waiting.keys() | logs.keys()
    if Lane.INVENTORY in outlook.lanes:
        lanes |= {Lane.INVENTORY}
    return [
        LaneBacklog(lane, waiting.get(lane, 0), logs.get(lane, 0), outlook.lanes.get(lane))
        for lane in sorted(lanes)
    ]
