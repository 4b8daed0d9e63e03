"""Decides which work gets the next slot, or how long everybody waits.

The order: a lane that has waited for a whole window without a call, as long as an urgent call
would still be quick; then urgent, normal, bulk, reports, inventory.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.dispatch.work import WORKS, Due, Work
from actions.ratelimit import limiter, window
from actions.ratelimit.ledger import Ledger, is_starved
from actions.ratelimit.states import Lane


@dataclass(frozen=True, slots=True)
class Candidate:
    """Work that wants the next slot; it must wait as a call of the lane `waits_as` does."""

    lane: Lane
    work: Work[Any, Any]
    due: Due[Any]
    waits_as: Lane


def next_candidate(ledger: Ledger, line_wait: float = 0.0) -> Candidate | float | None:
    """Return the work that goes now, the seconds until any may go, or None without work.

    `line_wait` are seconds for which the account as a whole must wait. While no call may go, or
    only an urgent one, other work is not looked for: an idle dispatcher asks this every second.
    """
    at = ledger.at
    wait = max(line_wait, ledger.wait_for(Lane.URGENT))
    if wait > 0:
        return wait if _is_work_waiting(at) else None
    lingering = {key: left for work in WORKS for key, left in work.lingering(at).items()}
    pauses = list(lingering.values())
    if (wait := ledger.wait_for(Lane.NORMAL)) > 0:
        if found := _next_due(Lane.URGENT, at, lingering):
            return Candidate(Lane.URGENT, *found, Lane.URGENT)
        return min([wait, *pauses]) if _is_work_waiting(at) else None
    candidate = next(_candidates(at, lingering), None)
    if candidate and (wait := ledger.wait_for(candidate.waits_as)) > 0:
        return min([wait, *pauses])  # Lower lanes wait at least as long.
    return candidate or min(pauses, default=None)


def _is_work_waiting(at: datetime) -> bool:
    return any(work.is_waiting(at) for work in WORKS)


def _candidates(at: datetime, lingering: Collection[str]) -> Iterator[Candidate]:
    """Yield the work of each lane in the order in which lanes are served.

    It is a generator so that the database is not asked for lanes that are not needed.
    """
    found = {}
    calls = limiter.calls_within(window.length(), at).exclude(api="token")
    served = set(calls.values_list("lane", flat=True))
    for lane in (Lane.INVENTORY, Lane.REPORTS, Lane.BULK, Lane.NORMAL):
        if lane in served:
            continue
        found[lane] = work = _next_due(lane, at, lingering)
        if work and is_starved(work[1].since, None, at, window.length()):
            yield Candidate(lane, *work, Lane.NORMAL)
    for lane in Lane:
        if work := found[lane] if lane in found else _next_due(lane, at, lingering):
            yield Candidate(lane, *work, lane)


def _next_due(
    lane: Lane, at: datetime, lingering: Collection[str]
) -> tuple[Work[Any, Any], Due[Any]] | None:
    """Return the work of a lane that goes next: by rank, then by who has waited longest."""
    for rank in sorted({work.ranks[lane] for work in WORKS if lane in work.ranks}):
        works = [work for work in WORKS if work.ranks.get(lane) == rank]
        found = [(work, work.next_due(lane, at, lingering)) for work in works]
        due = [(work, each) for work, each in found if each is not None]
        if due:
            return min(due, key=lambda pair: pair[1].since)
    return None
