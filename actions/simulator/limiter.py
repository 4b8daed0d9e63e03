"""The vendor's rate limit: ten calls in sixty seconds for an account, counted on arrival.

Every page of the vendor's documentation states the numbers. The kind of window and whether refused
calls count are assumptions (U7), so both are switches.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The limiter's answer for one call; `at` is time.monotonic(), `reset_after` is in seconds."""

    at: float
    allowed: bool
    limit: int | None
    remaining: int
    reset_after: float


class Limiter:
    """Counts arrivals in a sliding or fixed window; safe to use from many threads."""

    def __init__(
        self,
        limit: tuple[int, float] | None,
        *,
        fixed: bool = False,
        throttled_counts: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit` is (calls, seconds), None for no limit; raises ValueError for an empty one."""
        if limit is not None and (limit[0] < 1 or limit[1] <= 0):
            raise ValueError("the limit needs at least one call and a window longer than 0")
        self._limit = limit
        self._fixed = fixed
        self._throttled_counts = throttled_counts
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque()
        self._clock = clock
        self._started = clock()

    def arrive(self) -> Verdict:
        """Count a call now. The clock is read under the lock, so `at` never decreases."""
        with self._lock:
            now = self._clock()
            if self._limit is None:
                return Verdict(now, True, None, 0, 0.0)
            calls, window = self._limit
            self._drop_expired(now, window)
            allowed = len(self._arrivals) < calls
            if allowed or self._throttled_counts:
                self._arrivals.append(now)
            remaining = max(0, calls - len(self._arrivals))
            return Verdict(now, allowed, calls, remaining, self._reset_after(now, calls, window))

    def _drop_expired(self, now: float, window: float) -> None:
        """Drop arrivals outside the window; one exactly a window old is outside a sliding one."""
        cutoff = self._window_start(now, window) if self._fixed else now - window
        arrivals = self._arrivals
        while arrivals and (arrivals[0] < cutoff if self._fixed else arrivals[0] <= cutoff):
            arrivals.popleft()

    def _window_start(self, now: float, window: float) -> float:
        return now - (now - self._started) % window

    def _reset_after(self, now: float, calls: int, window: float) -> float:
        """Return the seconds until the next slot is free, or until the oldest call expires."""
        if self._fixed:
            return self._window_start(now, window) + window - now
        blocking = self._arrivals[max(0, len(self._arrivals) - calls)]
        return blocking + window - now
