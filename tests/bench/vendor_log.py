"""Counts from the vendor's own log, independent of the engine."""

from collections.abc import Sequence
from statistics import mean

from actions.simulator import Simulator
from actions.simulator.handler import Received


def arrivals(vendor: Simulator, api: str = "") -> list[float]:
    """Return when each call arrived (monotonic seconds, sorted), refused ones included."""
    return sorted(call.at for call in vendor.received if api in ("", call.api))


def worst_window(times: Sequence[float], window: float) -> int:
    """Return the most arrivals in any half-open interval of `window` seconds."""
    worst = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def refused(vendor: Simulator) -> int:
    """Count the calls that the vendor refused because of its limit."""
    return sum(call.status == 429 for call in vendor.received)


def least_seconds(calls: int, limit: int, window: float) -> float:
    """Return the shortest time from the first to the last call that the limit allows.

    `limit` calls may come at once, so this is less than calls * window / limit.
    """
    return (calls - 1) // limit * window


def use_of_the_limit(times: Sequence[float], limit: int, window: float) -> float:
    """Return the share of the limit that was used: the window ÷ the mean time of `limit` calls.

    Raises ValueError when there are at most `limit` calls.
    """
    spans = [late - early for early, late in zip(times, times[limit:], strict=False)]
    if not spans:
        raise ValueError("too few calls to measure")
    return window / mean(spans)


def targets(call: Received) -> list[str]:
    """Return the device ids that the call named."""
    ids = (call.body or {}).get("ids")
    return [str(name) for name in ids] if isinstance(ids, list) else []


def acted_twice(log: Sequence[Received]) -> int:
    """Count devices named again in a call that arrived after the action had been done.

    Refused calls do not count: they change nothing.
    """
    done: set[str] = set()
    again: set[str] = set()
    for call in sorted(log, key=lambda entry: entry.at):
        if call.api != "action" or call.status == 429:
            continue
        named = targets(call)
        again |= done.intersection(named)
        done.update(call.applied)
    return len(again)
