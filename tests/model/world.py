"""The real engine against the vendor of the model: events in virtual time, overlapping calls."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from random import Random
from typing import Any

from django.conf import settings

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.dispatch import sweeper
from actions.dispatch.claims import CHECK_AGAIN_SECONDS, Claim, Wait, claim
from actions.dispatch.results import record_answer, record_error
from actions.opswat.client import Answer
from actions.opswat.errors import VendorError
from actions.ratelimit import clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane
from tests.model.clock import VirtualTime
from tests.model.vendor import ModelVendor, Trip, asked_of, without_answer

SWEEP_EVERY = 15.0

Event = Callable[[], None]
Memory = list[tuple[float, float]]


class World:
    """Worker processes with one call each at a time, and a record of what they sent.

    `sent` holds the commands of each call. `was_held` holds the commands that were ever held for
    a user or a start time; younger commands may overtake these.
    """

    def __init__(self, time: VirtualTime, vendor: ModelVendor, chance: Random) -> None:
        self.time, self.vendor, self.chance = time, vendor, chance
        self.free: list[Memory] = [[] for _ in range(settings.ENGINE_IN_FLIGHT)]
        self.sent: dict[int, list[DeviceCommand]] = {}
        self.sends: list[tuple[float, Lane, str]] = []
        self.was_held: set[int] = set()
        self.dispatching = True
        self.statuses: list[int | None] = []
        self._youngest: dict[str, tuple[int, frozenset[int]]] = {}
        self._events: list[tuple[float, int, Event]] = []
        self._number = count()
        self._wake_at: float | None = None

    def after(self, seconds: float, event: Event) -> None:
        """Schedule an event in so many seconds."""
        at = self.time.elapsed + seconds
        heapq.heappush(self._events, (at, next(self._number), event))

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Advance the time and run its events, for so many seconds or `until` it returns true."""
        end = self.time.elapsed + seconds
        self.dispatch()
        while self._events and self._events[0][0] <= end and not until():
            at, _, event = heapq.heappop(self._events)
            self.time.move_to(max(at, self.time.elapsed))
            event()
        if not until():
            self.time.move_to(end)

    def sweep_repeatedly(self) -> None:
        """Sweep and dispatch every SWEEP_EVERY seconds, as the ticker does."""
        self.sweep()
        if self._wake_at is None:
            self.dispatch()
        self.after(SWEEP_EVERY, self.sweep_repeatedly)

    def sweep(self) -> set[int]:
        """Sweep as a free process; return the action calls that it marked lost."""
        if not self.free:
            return set()
        calls = VendorCall.objects.filter(state=CallState.LOST, api="action")
        before = set(calls.values_list("pk", flat=True))
        with self._remembering(self.free[0]):
            sweeper.sweep()
        return set(calls.values_list("pk", flat=True)) - before

    def dispatch(self) -> None:
        """Claim and send as the free processes; schedule a wake-up if a claim must wait."""
        while self.free and self.dispatching:
            memory = self.free.pop(self.chance.randrange(len(self.free)))
            taken = self.claim_as(memory)
            if isinstance(taken, Claim):
                self.send(taken, memory)
                continue
            self.free.append(memory)
            if isinstance(taken, Wait):
                self._wake_in(taken.seconds)
            return

    def claim_as(self, memory: Memory) -> Claim | Wait | None:
        """Claim as the process with this memory of the clocks; a new process has none."""
        with self._remembering(memory):
            taken = claim()
        if isinstance(taken, Claim):
            self._note(taken)
        return taken

    @contextmanager
    def _remembering(self, memory: Memory) -> Iterator[None]:
        """Run as the process with this memory of the clocks."""
        clock._last_seen[:] = memory
        yield
        memory[:] = clock._last_seen
        clock._last_seen.clear()

    def _wake_in(self, seconds: float) -> None:
        if seconds == CHECK_AGAIN_SECONDS and self._events:
            # A call in flight must end first, which is an event. Any other wait ends by itself.
            seconds = max(seconds, self._events[0][0] - self.time.elapsed)
        at = self.time.elapsed + seconds + 1e-5
        if self._wake_at is None or not self.time.elapsed < self._wake_at <= at:
            self._wake_at = at
            self.after(at - self.time.elapsed, lambda: self._wake(at))

    def _wake(self, at: float) -> None:
        if self._wake_at == at:
            self._wake_at = None
            self.dispatch()

    def send(self, taken: Claim, memory: Memory, trip: Trip | None = None) -> None:
        """Send a call; draw its fate now, unless `trip` gives it."""
        trip, asked = trip or self.vendor.trip(), asked_of(taken)
        self.sends.append((self.time.elapsed, Lane(taken.call.lane), taken.call.api))
        reply: list[Answer[Any] | VendorError] = [without_answer(trip.fate)]
        if trip.there is not None:
            self.after(trip.there, lambda: self._arrive(taken, asked, trip, reply))
        if trip.ends is not None:
            self.after(trip.ends, lambda: self._finish(taken, reply, memory))
        else:
            # A process that replaces a dead one has no memory.
            self.after(1.0, lambda: self._free([]))

    def _arrive(self, taken: Claim, asked: Any, trip: Trip, reply: list[Any]) -> None:
        reply[0] = self.vendor.receive(self.time.elapsed, taken, asked, trip.fate)

    def _finish(self, taken: Claim, reply: list[Any], memory: Memory) -> None:
        record(taken, reply[0])
        self.statuses.append(reply[0].http_status)
        self._free(memory)

    def _free(self, memory: Memory) -> None:
        self.free.append(memory)
        self.dispatch()

    def _note(self, taken: Claim) -> None:
        """Record the commands of a call, and check that each may be sent now."""
        rows = list(DeviceCommand.objects.filter(call=taken.call).order_by("id"))
        self.sent[taken.call.pk] = rows
        for row in rows:
            late = row.expires_at is not None and row.expires_at <= taken.call.claimed_at
            assert not late, f"{row.pk} is sent after its time"
            assert not row.cancel_asked, f"{row.pk} is sent although it was cancelled"
            youngest, company = self._youngest.get(row.device_key, (0, frozenset()))
            # Commands that shared a call without effect may be sent in separate calls.
            in_turn = row.pk >= youngest or row.pk in self.was_held or row.pk in company
            assert in_turn, f"{row.pk} was overtaken by {youngest}"
        keys = frozenset(row.pk for row in rows)
        for row in rows:
            if row.pk > self._youngest.get(row.device_key, (0, keys))[0]:
                self._youngest[row.device_key] = row.pk, keys

    def note_held(self) -> None:
        """Record the commands that are held now."""
        held = DeviceCommand.objects.filter(status=CommandStatus.HELD)
        self.was_held.update(held.values_list("pk", flat=True))


def record(taken: Claim, reply: Answer[Any] | VendorError) -> None:
    """Pass a reply to the engine."""
    if isinstance(reply, VendorError):
        record_error(taken, reply)
    else:
        record_answer(taken, reply)


def open_calls() -> int:
    """Count the calls without a recorded result."""
    return VendorCall.objects.filter(state="sending").count()


def none_if_refused(action: Callable[[], Any], *refusals: type[Exception]) -> Any:
    """Return the action's result, or None if it raises one of `refusals`."""
    with suppress(*refusals):
        return action()
    return None
