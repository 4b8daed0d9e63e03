"""Whose turn it is: the work that goes next, or how long everybody waits.

Who goes first: a lane that has waited for a whole window without a call, as long as an urgent
call would still be quick; then urgent, normal, bulk, reports, inventory. Within a lane requests
take turns, call by call.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from actions.action_requests import readback
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.agent_logs import fetch
from actions.agent_logs.models import AgentLog
from actions.inventory import refresh, sync
from actions.inventory.models import InventorySync
from actions.ratelimit import window
from actions.ratelimit.ledger import Ledger, is_starved
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane

S = CommandStatus

LINGER_CROWD = 15
"""So many alike urgent commands waiting make a crowd, which waits a little longer to fill calls."""

Work = DeviceCommand | InventorySync | refresh.DetailRead | AgentLog


@dataclass(frozen=True, slots=True)
class Candidate:
    """Work that wants the next slot; it must wait as a call of the lane `waits_as` does."""

    lane: Lane
    work: Work
    waits_as: Lane


def next_candidate(ledger: Ledger, line_wait: float = 0.0) -> Candidate | float | None:
    """What goes now; else the seconds until something may go, or None without work.

    While not even an urgent call may go, or only an urgent one, nobody else is looked for: a pump
    that rests asks this every second.
    """
    at = ledger.at
    wait = max(line_wait, ledger.wait_for(Lane.URGENT))
    if wait > 0:
        return wait if _has_work(at) else None
    gathering = _lingering(at)
    rests = list(gathering.values())
    if (wait := ledger.wait_for(Lane.NORMAL)) > 0:
        if work := _next_work(Lane.URGENT, at, gathering):
            return Candidate(Lane.URGENT, work, Lane.URGENT)
        return min([wait, *rests]) if _has_work(at) else None
    offer = next(_candidates(at, gathering), None)
    if offer and (wait := ledger.wait_for(offer.waits_as)) > 0:
        return min([wait, *rests])  # Lower lanes wait at least as long.
    return offer or min(rests, default=None)


def _has_work(at: datetime) -> bool:
    """Whether anything may be due; a command counts even while an older one is before it."""
    queued = DeviceCommand.objects.filter(status=S.QUEUED)
    return queued.exists() or any(_next_work(lane, at, {}) for lane in Lane)


def _candidates(at: datetime, gathering: dict[str, float]) -> Iterator[Candidate]:
    """The work of each lane, who goes first first; nothing is asked of the database too early."""
    found = {}
    calls = _calls_within(window.length(), at).exclude(api="token")
    served = set(calls.values_list("lane", flat=True))
    for lane in (Lane.INVENTORY, Lane.REPORTS, Lane.BULK, Lane.NORMAL):
        if lane in served:
            continue
        found[lane] = work = _next_work(lane, at, gathering)
        if work and is_starved(_waits_since(work), None, at, window.length()):
            yield Candidate(lane, work, Lane.NORMAL)
    for lane in Lane:
        if work := found[lane] if lane in found else _next_work(lane, at, gathering):
            yield Candidate(lane, work, lane)


def _next_work(lane: Lane, at: datetime, gathering: dict[str, float]) -> Work | None:
    if lane == Lane.REPORTS:
        return fetch.due(lane, at)
    if lane == Lane.URGENT:
        found = _oldest(refresh.due(lane, at), _next_command(lane, at, gathering))
        return found or fetch.due(lane, at)
    if lane == Lane.NORMAL:
        return readback.due(S.UNCONFIRMED, at) or _next_command(lane, at)
    if lane == Lane.INVENTORY:
        return _oldest(readback.due(S.ACCEPTED, at), refresh.due(lane, at), sync.due_sync(at))
    return _next_command(lane, at)


def _oldest(*works: Work | None) -> Work | None:
    """What has waited longest; at the same moment the first of them."""
    there = [work for work in works if work is not None]
    return min(there, key=_waits_since, default=None)


def _waits_since(work: Work) -> datetime:
    return work.since if isinstance(work, refresh.DetailRead) else work.due_at


def due_commands(at: datetime) -> Any:
    """Queued commands that may go now.

    None waits behind an older one for the same device, or while any call is out with that device:
    an older one that was held may come back while a younger one is in its call.
    """
    same = DeviceCommand.objects.filter(device_key=OuterRef("device_key"))
    older = same.filter(id__lt=OuterRef("id"), status=S.QUEUED)
    in_a_call = same.filter(status=S.SENDING, coalesced=False)
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    return DeviceCommand.objects.filter(alive, ~Exists(older), ~Exists(in_a_call), status=S.QUEUED)


def _next_command(
    lane: Lane, at: datetime, gathering: Collection[str] = ()
) -> DeviceCommand | None:
    """The row that goes next in a lane: requests take turns, call by call."""
    if not DeviceCommand.objects.filter(lane=lane, status=S.QUEUED).exists():
        return None
    rows = due_commands(at).filter(lane=lane).order_by("request_id", "id")
    if gathering:
        rows = rows.exclude(coalesce_key__in=gathering)
    calls = VendorCall.objects.filter(lane=lane, lead_request_id__isnull=False)
    last = calls.order_by("-id").first()
    turn: DeviceCommand | None = None
    if last:
        turn = rows.filter(request_id__gt=last.lead_request_id).first()
    return turn or rows.first()


def _lingering(at: datetime) -> dict[str, float]:
    """The kinds of urgent calls that wait a little to fill up, with the seconds that are left.

    The first goes at once. While others ask the same shortly after it, they gather for at most
    ENGINE_URGENT_WAIT seconds, and a crowd for a third of the window, or until a call is full:
    so two hundred people who ask the same in one minute cost five calls, not a whole minute.
    """
    longest = max(settings.ENGINE_URGENT_WAIT, window.length().total_seconds() / 3)
    lately = _calls_within(timedelta(seconds=longest), at).filter(
        Q(state=CallState.SENDING) | Q(state=CallState.ANSWERED, http_status=200), api="action"
    )
    # By time and not by lane: SQLite would go through all urgent calls that ever were.
    last = {
        coalesce_key: claimed_at
        for coalesce_key, claimed_at, lane in lately.values_list(
            "coalesce_key", "claimed_at", "lane"
        )
        if lane == Lane.URGENT
    }
    left = {}
    for coalesce_key, claimed_at in last.items():
        rows = DeviceCommand.objects.filter(coalesce_key=coalesce_key, status=S.QUEUED)
        waiting = len(rows.values_list("pk")[: settings.OPSWAT_MAX_DEVICES])
        patience = longest if waiting >= LINGER_CROWD else settings.ENGINE_URGENT_WAIT
        wait = patience - (at - claimed_at).total_seconds()
        left[coalesce_key] = wait if 0 < waiting < settings.OPSWAT_MAX_DEVICES else 0.0
    return {coalesce_key: wait for coalesce_key, wait in left.items() if wait > 0}


def _calls_within(span: timedelta, at: datetime) -> Any:
    """The latest calls, the oldest first, without those of before the clock was set back."""
    calls = VendorCall.objects.filter(claimed_at__gt=at - span, claimed_at__lte=at)
    return calls.order_by("claimed_at")
