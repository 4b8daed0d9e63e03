"""What the vendor's own log says; nothing here asks the engine."""

from collections.abc import Sequence
from statistics import mean

from actions.simulator import Simulator
from actions.simulator.handler import Received


def arrivals(vendor: Simulator, api: str = "") -> list[float]:
    """When each call arrived (monotonic seconds, in order), also those that were refused."""
    return sorted(call.at for call in vendor.received if api in ("", call.api))


def worst_window(times: Sequence[float], window: float) -> int:
    """The most arrivals in any stretch of `window` seconds; an arrival one window later is out."""
    worst = first = 0
    for last, moment in enumerate(times):
        while times[first] <= moment - window:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def refused(vendor: Simulator) -> int:
    """Calls that the vendor refused because of its limit."""
    return sum(call.status == 429 for call in vendor.received)


def least_seconds(calls: int, limit: int, window: float) -> float:
    """The shortest time from the first to the last of so many calls that the limit allows.

    `limit` calls may come at once, so this is less than calls * window / limit.
    """
    return (calls - 1) // limit * window


def use_of_the_limit(times: Sequence[float], limit: int, window: float) -> float:
    """The share of the limit that was used: the window ÷ the mean time of `limit` calls.

    Raises ValueError when there are not enough calls for a single stretch.
    """
    stretches = [late - early for early, late in zip(times, times[limit:], strict=False)]
    if not stretches:
        raise ValueError("too few calls to tell")
    return window / mean(stretches)


def targets(call: Received) -> list[str]:
    """The device ids that the call named."""
    ids = (call.body or {}).get("ids")
    return [str(name) for name in ids] if isinstance(ids, list) else []


def acted_twice(log: Sequence[Received]) -> int:
    """Devices that were named again in a call which arrived after the action had been done.

    Refused calls do not count: nothing is done by them.
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
