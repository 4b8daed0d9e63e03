"""The real claims and the real settling, on a real database, in a time of our own.

Only the waiting is left out. The vendor's limit is the simulator's own, run on the same clock.
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
MOST_EVENTS = 200_000
"""After so many events a run has lost its way."""


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
    """A vendor, workers that look whenever there may be something to do, and a clock.

    Each call is on its way for 50-300 ms and the vendor thinks for 100-600 ms; a worker needs
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
        self._look_at: float | None = None
        self._limiter = Limiter(self.limit, clock=lambda: self.now)

    def at(self, moment: float, event: Callable[[], None]) -> None:
        """Let something happen then."""
        heappush(self._events, (moment, next(self._numbers), event))

    def wake(self, moment: float | None = None) -> None:
        """Let a worker look at the table, then or as soon as it can."""
        at = self.now + self.rng.uniform(0.005, 0.05) if moment is None else moment
        if self._look_at is None or at < self._look_at:
            self._look_at = at
            self.at(at, lambda: self._look(at))

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Go on until nothing is left to happen, or until `until`."""
        with time_machine.travel(START, tick=False) as traveller:
            for _ in range(MOST_EVENTS):
                if not self._events or until():
                    return
                self.now, _, event = heappop(self._events)
                traveller.move_to(START + timedelta(seconds=self.now))
                event()
        raise RuntimeError("the run has lost its way")

    def _look(self, at: float) -> None:
        if self._look_at != at:
            return  # An earlier look has taken its place.
        self._look_at = None
        clock.forget()
        taken = claims.claim()
        if isinstance(taken, claims.Wait):
            self.wake(self.now + max(0.001, taken.seconds))
        elif taken is not None:
            arrives = self.now + self.rng.uniform(0.05, 0.3)
            self.at(arrives, lambda: self._arrive(taken))
            self.wake()

    def _arrive(self, taken: claims.Claim) -> None:
        verdict = self._limiter.arrive()
        targets = taken.payload.targets if isinstance(taken.payload, ActionCall) else ()
        call = taken.call
        self.arrivals.append(Arrival(self.now, call.pk, call.api, targets, verdict.allowed))
        self.at(self.now + self.rng.uniform(0.1, 0.6), lambda: self._reply(taken, verdict))

    def _reply(self, taken: claims.Claim, verdict: Verdict) -> None:
        if verdict.allowed:
            record_answer(
                taken, _answer(taken, RateLimitStatus(verdict.limit, verdict.remaining, None))
            )
        else:
            record_error(taken, Throttled("refused", http_status=429, retry_after=None))
        self.wake()


def _answer(taken: claims.Claim, rate: RateLimitStatus) -> "Answer[object]":
    """All accepted; who is looked at shows what was asked (here always an exemption)."""
    if taken.call.api == "token":
        return Answer(Token("t", 43199.0), 200, rate)
    if isinstance(taken.payload, ActionCall):
        said = {name: DeviceResult(name, 1, "1", "") for name in taken.payload.targets}
        return Answer(ActionResult(said, (), ()), 200, rate)
    if isinstance(taken.payload, DetailRead):
        shown = tuple(make_record(name, status="exempted") for name in taken.payload.ids)
        return Answer(shown, 200, rate)
    return Answer(DevicePage((), None, 0), 200, rate)


@contextmanager
def own_time() -> Iterator[None]:
    """A database that need not wait for the disk, for its times are not what is measured."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
    yield
    clock.forget()


def calls_made() -> int:
    """How many calls the engine thinks it made, to be compared with what arrived."""
    return VendorCall.objects.count()
