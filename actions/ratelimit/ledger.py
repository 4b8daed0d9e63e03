"""The slots of the rate limit at one time, and the rule by which a lane may take one.

It knows no rows and no network: the dispatcher and the forecast use the same rule.
"""

from bisect import insort
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.ratelimit.states import Lane

CLOCK_JUMP = 0.5
"""Seconds by which the wall clock may differ from the monotonic clock before sending stops."""


def hold_after_reply(window: timedelta) -> timedelta:
    """Return how long a call holds its slot after the reply: the window and a margin.

    The margin covers the resolution of clocks (50 ms) and clock steps that are too small to be
    detected: half a second for a window of 60 s, proportionally less for a shorter one.
    """
    undetected = min(timedelta(seconds=CLOCK_JUMP), window / 120)
    return window + timedelta(milliseconds=50) + undetected


def is_starved(
    waiting_since: datetime, last_call: datetime | None, now: datetime, window: timedelta
) -> bool:
    """Return whether a lane has had work, but no call, for a whole window."""
    begin = now - window
    return waiting_since <= begin and (last_call is None or last_call <= begin)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The slots at one time; `holds` are the times, in order, at which held slots become free.

    `urgent_wait` is how long an urgent call may have to wait behind lower lanes, in seconds.
    """

    at: datetime
    holds: tuple[datetime, ...]
    open_calls: int
    limit: int
    urgent_wait: float

    @property
    def free(self) -> int:
        """Slots that no call holds."""
        return max(0, self.limit - len(self.holds))

    def frees_in(self, slots: int = 1) -> float:
        """Return the seconds until that many slots are free, if no call takes one meanwhile."""
        late = len(self.holds) + min(slots, self.limit) - self.limit
        if late <= 0:
            return 0.0
        return (self.holds[min(late, len(self.holds)) - 1] - self.at).total_seconds()

    def wait_for(self, lane: Lane) -> float:
        """Return the seconds until `lane` may take a slot; 0 if it may now.

        After a call of a lower lane the k-th urgent call waits at most k times `urgent_wait`: the
        normal lane keeps to this for the first urgent call, bulk for the first three. Reports and
        inventory leave one slot more, within six times that wait.
        """
        waits = [self.frees_in(1)]
        if lane >= Lane.NORMAL:
            waits.append(self.frees_in(2) - self.urgent_wait)
        if lane >= Lane.BULK:
            waits.append(self.frees_in(3) - 2 * self.urgent_wait)
            waits.append(self.frees_in(4) - 3 * self.urgent_wait)
        if lane >= Lane.REPORTS:
            waits.append(self.frees_in(5) - 6 * self.urgent_wait)
        return max(0.0, *waits)

    def after(self, wait: float, hold: float) -> "Ledger":
        """Return the ledger `wait` seconds later, after a call took a slot for `hold` seconds."""
        at = self.at + timedelta(seconds=wait)
        holds = [until for until in self.holds if until > at]
        insort(holds, at + timedelta(seconds=hold))
        return Ledger(at, tuple(holds), self.open_calls, self.limit, self.urgent_wait)
