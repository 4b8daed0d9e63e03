"""The slots of the vendor's minute at one moment, and the rule of who may take one.

No rows and no network: the dispatcher and the forecast use the same rule, so they cannot disagree.
"""

from bisect import insort
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.ratelimit.states import Lane

CLOCK_JUMP = 0.5
"""Seconds that the wall clock may move against the machine's own before nothing is sent."""


def hold_after_reply(window: timedelta) -> timedelta:
    """How long a call holds its slot after the reply: the window, and a margin.

    The margin covers the coarseness of clocks (50 ms) and steps of the clock that are too small
    to be noticed: half a second for the vendor's minute, in proportion for a shorter window.
    """
    unnoticed = min(timedelta(seconds=CLOCK_JUMP), window / 120)
    return window + timedelta(milliseconds=50) + unnoticed


def is_starved(
    waiting_since: datetime, last_call: datetime | None, now: datetime, window: timedelta
) -> bool:
    """Whether a lane has had work, but no call, for a whole window."""
    begin = now - window
    return waiting_since <= begin and (last_call is None or last_call <= begin)


@dataclass(frozen=True, slots=True)
class Ledger:
    """`holds` are the moments, in order, at which the held slots free.

    `urgent_wait` is how long, in seconds, an urgent call may have to wait behind lower lanes.
    """

    at: datetime
    holds: tuple[datetime, ...]
    open_calls: int
    limit: int
    urgent_wait: float

    @property
    def free(self) -> int:
        """Slots that nobody holds."""
        return max(0, self.limit - len(self.holds))

    def frees_in(self, slots: int = 1) -> float:
        """Seconds until that many slots are free, if nobody takes one in the meantime."""
        late = len(self.holds) + min(slots, self.limit) - self.limit
        if late <= 0:
            return 0.0
        return (self.holds[min(late, len(self.holds)) - 1] - self.at).total_seconds()

    def wait_for(self, lane: Lane) -> float:
        """Seconds until `lane` may take a slot; 0 when it may now.

        A lower lane may only take one if an urgent call would still wait at most `urgent_wait`
        after it. Bulk and lower lanes yield to the normal lane by the same rule with three times
        that wait, and the lowest two to bulk with six times.
        """
        waits = [self.frees_in(1)]
        if lane >= Lane.NORMAL:
            waits.append(self.frees_in(2) - self.urgent_wait)
        if lane >= Lane.BULK:
            waits.append(self.frees_in(3) - 3 * self.urgent_wait)
        if lane >= Lane.REPORTS:
            waits.append(self.frees_in(4) - 6 * self.urgent_wait)
        return max(0.0, *waits)

    def after(self, wait: float, hold: float) -> "Ledger":
        """The ledger `wait` seconds later, when a call has taken a slot for `hold` seconds."""
        at = self.at + timedelta(seconds=wait)
        holds = [until for until in self.holds if until > at]
        insort(holds, at + timedelta(seconds=hold))
        return Ledger(at, tuple(holds), self.open_calls, self.limit, self.urgent_wait)
