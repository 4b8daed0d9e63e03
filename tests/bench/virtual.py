"""The real claims and settling on a real database, in virtual time.

Only the waiting is skipped. The vendor's limit is the simulator's own, run on the same clock.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

import time_machine
from django.db import connection

from actions.dispatch import claims
from actions.dispatch.results import record_answer, record_error
from actions.inventory.refresh import DetailRead
from actions.opswat.client import Answer, Token
from actions.opswat.errors import Throttled
from actions.opswat.payloads import (
    ActionCall,
    ActionResult,
    DevicePage,
    DeviceResult,
    RateLimitStatus,
)
from actions.ratelimit import clock
from actions.ratelimit.models import VendorCall
from actions.simulator.limiter import Limiter, Verdict
from tests.factories import make_record

START = datetime(2026, 1, 1, tzinfo=UTC)
MAX_EVENTS = 200_000
"""A run with more events is taken for an endless loop."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it arrived at the vendor; `at` is in seconds from the start."""

    at: float
    call_id: int
    api: str
    targets: tuple[str, ...]
    allowed: bool


@dataclass
class World:
    """A vendor, workers that claim whenever work may be due, and a clock.

    Each call is on its way for 50-300 ms and the vendor answers after 100-600 ms; a worker needs
    5-50 ms to wake up.
    """

    seed: int
    limit: tuple[int, float] = (10, 60.0)
    now: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._wake_at: float | None = None
        self._limiter = Limiter(self.limit, clock=lambda: self.now)

    def schedule(self, at: float, event: Callable[[], None]) -> None:
        """Call `event` at that time (seconds from the start)."""
        heappush(self._events, (at, next(self._numbers), event))

    def wake(self, when: float | None = None) -> None:
        """Let a worker claim at that time, or 5-50 ms from now."""
        at = self.now + self.rng.uniform(0.005, 0.05) if when is None else when
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at
            self.schedule(at, lambda: self._claim(at))

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Process events until none is left or `until` is true."""
        with time_machine.travel(START, tick=False) as traveller:
            for _ in range(MAX_EVENTS):
                if not self._events or until():
                    return
                self.now, _, event = heappop(self._events)
                traveller.move_to(START + timedelta(seconds=self.now))
                event()
        raise RuntimeError("the run did not end")

    def _claim(self, at: float) -> None:
        if self._wake_at != at:
            return  # An earlier wake-up replaced this one.
        self._wake_at = None
        clock.forget()
        taken = claims.claim()
        if isinstance(taken, claims.Wait):
            self.wake(self.now + max(0.001, taken.seconds))
        elif taken is not None:
            arrives = self.now + self.rng.uniform(0.05, 0.3)
            self.schedule(arrives, lambda: self._arrive(taken))
            self.wake()

    def _arrive(self, taken: claims.Claim) -> None:
        verdict = self._limiter.arrive()
        targets = taken.payload.targets if isinstance(taken.payload, ActionCall) else ()
        call = taken.call
        self.arrivals.append(Arrival(self.now, call.pk, call.api, targets, verdict.allowed))
        self.schedule(self.now + self.rng.uniform(0.1, 0.6), lambda: self._reply(taken, verdict))

    def _reply(self, taken: claims.Claim, verdict: Verdict) -> None:
        if verdict.allowed:
            record_answer(
                taken, _answer(taken, RateLimitStatus(verdict.limit, verdict.remaining, None))
            )
        else:
            record_error(taken, Throttled("refused", http_status=429, retry_after=None))
        self.wake()


def _answer(taken: claims.Claim, rate: RateLimitStatus) -> "Answer[object]":
    """Return an answer that accepts all; read-back shows the exemption."""
    if taken.call.api == "token":
        return Answer(Token("t", 43199.0), 200, rate)
    if isinstance(taken.payload, ActionCall):
        devices = {name: DeviceResult(name, 1, "1", "") for name in taken.payload.targets}
        return Answer(ActionResult(devices, (), ()), 200, rate)
    if isinstance(taken.payload, DetailRead):
        shown = tuple(make_record(name, status="exempted") for name in taken.payload.ids)
        return Answer(DevicePage(shown, None, 0), 200, rate)
    return Answer(DevicePage((), None, 0), 200, rate)


@contextmanager
def unsynced_database() -> Iterator[None]:
    """Turn off SQLite's disk syncs: in virtual time they are not measured."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
    yield
    clock.forget()


def calls_made() -> int:
    """Count the calls in the engine's ledger, to compare with the arrivals."""
    return VendorCall.objects.count()
