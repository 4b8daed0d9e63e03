"""The vendor's limit: ten calls in sixty seconds for an account, counted when a call arrives.

The number stands on every page of the vendor. Which kind of window it is and what a refused call
costs are assumptions (U7), so both are switches.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limit says of one call: `at` is time.monotonic(), `reset_after` is in seconds."""

    at: float
    allowed: bool
    limit: int | None
    remaining: int
    reset_after: float


class Limiter:
    """Counts arrivals under a lock, so that two calls at once are counted one after the other."""

    def __init__(
        self,
        limit: tuple[int, float] | None,
        *,
        fixed: bool = False,
        throttled_counts: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take calls and seconds; None means that nothing is ever refused."""
        if limit is not None and (limit[0] < 1 or limit[1] <= 0):
            raise ValueError("the limit needs at least one call and a window longer than nothing")
        self._limit = limit
        self._fixed = fixed
        self._throttled_counts = throttled_counts
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque()
        self._clock = clock
        self._started = clock()

    def arrive(self) -> Verdict:
        """Count a call that arrives now; `at` never goes back, the clock being read locked."""
        with self._lock:
            now = self._clock()
            if self._limit is None:
                return Verdict(now, True, None, 0, 0.0)
            calls, window = self._limit
            self._forget(now, window)
            allowed = len(self._arrivals) < calls
            if allowed or self._throttled_counts:
                self._arrivals.append(now)
            remaining = max(0, calls - len(self._arrivals))
            return Verdict(now, allowed, calls, remaining, self._reset_after(now, calls, window))

    def _forget(self, now: float, window: float) -> None:
        """Drop what no longer counts: a call exactly one window old has left a sliding window."""
        edge = self._window_start(now, window) if self._fixed else now - window
        arrivals = self._arrivals
        while arrivals and (arrivals[0] < edge if self._fixed else arrivals[0] <= edge):
            arrivals.popleft()

    def _window_start(self, now: float, window: float) -> float:
        return now - (now - self._started) % window

    def _reset_after(self, now: float, calls: int, window: float) -> float:
        """Seconds until a place is free again; with places left, until the oldest call leaves."""
        if self._fixed:
            return self._window_start(now, window) + window - now
        decisive = self._arrivals[max(0, len(self._arrivals) - calls)]
        return decisive + window - now
