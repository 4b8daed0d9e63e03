"""A vendor in virtual time, without HTTP: it counts what arrives, acts on devices, and answers.

`trip` draws the fate of a call when it is sent: its travel time, its effect, and whether an answer,
an error or neither returns. The checks compare the engine with `arrivals` and `applied`, never with
the engine's own counters.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from actions.agent_logs.fetch import PollResult
from actions.agent_logs.models import AgentLog
from actions.dispatch.claims import Claim
from actions.inventory import pages
from actions.inventory.models import InventorySync
from actions.inventory.refresh import DetailRead
from actions.opswat.client import Answer, Token
from actions.opswat.errors import (
    Rejected,
    Throttled,
    Unauthorized,
    Unconfirmed,
    Unreachable,
    VendorError,
)
from actions.opswat.payloads import (
    ActionCall,
    ActionResult,
    ChangePage,
    DevicePage,
    DeviceRecord,
    DeviceResult,
    GroupPage,
    GroupRecord,
    RateLimitStatus,
)
from tests.factories import make_record

LIMIT, WINDOW = 10, 60.0
PAGE = 50
GIVES_UP = 65.0
"""Seconds after which our side closes a connection without an answer."""

GROUPS = {"g1": "Alpha", "g2": "Beta", "g3": "Gamma"}

FAULTS = (
    *("throttled", "unreachable", "unauthorized", "not_found", "cut_before", "cut_after"),
    *("too_late", "dies_before", "dies_after", "silent"),
)
"""The fates of a call other than a proper answer.

`cut_before` and `cut_after`: no usable answer, and the vendor acted only in the second; `too_late`:
it arrives when our side has just closed the connection; `dies_before` and `dies_after`: the
worker dies, and in the second the call has left; `silent`: the answer leaves out some devices.
"""


@dataclass(frozen=True, slots=True)
class Trip:
    """The fate of a call, with times in seconds from its sending; None for never.

    `there` is when it arrives at the vendor, `ends` when our side records how it ended.
    """

    fate: str
    there: float | None
    ends: float | None


@dataclass(frozen=True, slots=True)
class ChangesAsked:
    """What changed in the last `age` seconds, page by page."""

    age: float
    page: int


@dataclass(slots=True)
class VendorDevice:
    """A device as the vendor knows it."""

    status: str = "compliant"
    group: str = "g1"


class ModelVendor:
    """Vendor with faults: `fault_rate` is the share of calls, `poison` are ids that cause a 400."""

    def __init__(
        self, chance: Random, names: Sequence[str], *, fault_rate: float = 0.0, slow: float = 0.05
    ) -> None:
        self.limit = LIMIT
        self.chance = chance
        self.devices = {name: VendorDevice() for name in names}
        self.macs = {mac_of(name): name for name in names}
        self.poison: set[str] = set()
        self.fault_rate, self.slow = fault_rate, slow
        self.mixed = 0.0
        self.log_ready = 0.33
        self.retry_afters: tuple[float | None, ...] = (None, 0.0, 20.0, 500.0)
        self.arrivals: list[float] = []
        self.applied: Counter[tuple[str, str]] = Counter()
        self.done_in: dict[int, set[str]] = {}
        self.refused = 0
        self.now = 0.0
        self.changed_at: dict[str, float] = {}
        self.deleted_at: dict[str, float] = {}
        self.enrolled = len(names)

    def enroll(self, fleet: int) -> None:
        """Add devices under new names until there are `fleet`."""
        for _ in range(fleet - len(self.devices)):
            name = f"d{self.enrolled:04}"
            self.enrolled += 1
            self.devices[name] = VendorDevice()
            self.macs[mac_of(name)] = name

    def trip(self) -> Trip:
        """Draw the fate of a call."""
        chance = self.chance
        fate = chance.choice(FAULTS) if chance.random() < self.fault_rate else "answer"
        there = self._delay()
        match fate:
            case "unreachable":
                return Trip(fate, None, chance.uniform(0, 5))
            case "too_late":
                return Trip(fate, GIVES_UP + chance.uniform(-5, 4.9), GIVES_UP)
            case "dies_before":
                return Trip(fate, None, None)
            case "dies_after":
                return Trip(fate, there, None)
        return Trip(fate, there, there + self._delay())

    def _delay(self) -> float:
        slow = self.chance.random() < self.slow
        return self.chance.uniform(0, 30 if slow else 0.5)

    def receive(self, at: float, taken: Claim, asked: Any, fate: str) -> Answer[Any] | VendorError:
        """Count an arriving call, apply it, and return the reply."""
        self.now = at
        first = bisect_left(self.arrivals, at - WINDOW)
        used = len(self.arrivals) - first + 1
        self.arrivals.append(at)
        rate = RateLimitStatus(self.limit, max(0, self.limit - used), None)
        if used > self.limit:
            self.refused += 1
            return Throttled("Too many calls.", http_status=429, rate=rate, retry_after=WINDOW)
        error = self._error(fate, rate)
        if isinstance(error, Unconfirmed) and fate != "cut_before":
            self._work(taken, asked, fate)
        return error or self._work(taken, asked, fate, rate)

    def _error(self, fate: str, rate: RateLimitStatus) -> VendorError | None:
        match fate:
            case "throttled":
                wait = self.chance.choice(self.retry_afters)
                return Throttled("Slow down.", http_status=429, rate=rate, retry_after=wait)
            case "unauthorized":
                return Unauthorized("Who are you?", http_status=401, rate=rate)
            case "not_found":
                return Rejected("No such thing.", http_status=404, rate=rate)
            case "cut_before" | "cut_after" | "too_late":
                return Unconfirmed("No usable answer came.")
        return None

    def _work(
        self, taken: Claim, asked: Any, fate: str, rate: RateLimitStatus | None = None
    ) -> Answer[Any] | VendorError:
        rate = rate or RateLimitStatus(None, None, None)
        if isinstance(asked, ActionCall):
            names = [self.macs.get(target, target) for target in asked.targets]
            if self.poison.intersection(names):
                return Rejected("A device id is malformed.", http_status=400, rate=rate)
            return Answer(self._act(taken.call.pk, asked, names, fate), 200, rate)
        return Answer(self._read(taken, asked), 200, rate)

    def _read(self, taken: Claim, asked: Any) -> Any:
        """Return the data of a call that only reads."""
        if asked == "token":
            return Token("a-token", 3_600.0)
        if asked == "groups":
            groups = tuple(GroupRecord(key, name, None) for key, name in GROUPS.items())
            return GroupPage(groups, len(groups))
        if isinstance(asked, AgentLog):
            return self._deliver(taken.call.pk)
        if isinstance(asked, tuple):
            known = [self.macs.get(name, name) for name in asked]
            return DevicePage(tuple(self.record(name) for name in known if name in self.devices))
        if isinstance(asked, ChangesAsked):
            return self._changes(asked)
        return self._page(str(asked))

    def _deliver(self, call: int) -> PollResult:
        """Return a log with probability `log_ready`; one in twenty of these is unreadable."""
        lot = self.chance.random()
        if lot > self.log_ready:
            return PollResult(message="The report is not ready yet")
        if lot < self.log_ready / 20:
            return PollResult("It is not a ZIP file.", False, f"model-{call}.zip", 1, "0" * 64)
        return PollResult(stored_as=f"model-{call}.zip", size=1, sha256="0" * 64, files=1)

    def _changes(self, asked: ChangesAsked) -> ChangePage:
        """Return one page of changed and deleted devices, latest first."""
        since, part = self.now - asked.age, slice((asked.page - 1) * PAGE, asked.page * PAGE)
        changed, deleted = (
            sorted((name for name, at in times.items() if at >= since), key=times.get)[::-1][part]  # type: ignore[arg-type]
            for times in (self.changed_at, self.deleted_at)
        )
        rows = tuple(self.record(name) for name in changed)
        return ChangePage(rows, tuple(deleted), len(rows) + len(deleted))

    def _page(self, cursor: str) -> DevicePage:
        names = sorted(self.devices)
        first = bisect_left(names, cursor)
        page = tuple(self.record(name) for name in names[first : first + PAGE])
        rest = names[first + PAGE :]
        return DevicePage(page, rest[0] if rest else None, 0)

    def record(self, name: str) -> DeviceRecord:
        """Return the device as every read reports it."""
        device = self.devices[name]
        return make_record(
            name, status=device.status, group_name=GROUPS[device.group], macs=(mac_of(name),)
        )

    def _act(self, call: int, order: ActionCall, names: list[str], fate: str) -> ActionResult:
        receipts = {}
        done = self.done_in.setdefault(call, set())
        for target, name in zip(order.targets, names, strict=True):
            status = 1 if self.chance.random() >= self.mixed else self.chance.choice([0, -1, None])
            applied = status == 1 or (status is None and self.chance.random() < 0.5)
            if name not in self.devices:
                status, applied = -1, False
            if applied:
                done.add(target)
                self.applied[order.kind, name] += 1
                self._change(name, order)
            if fate == "silent" and self.chance.random() < 0.5:
                continue
            number = f"{order.kind}-{call}" if status == 1 else ""
            receipts[target] = DeviceResult(target, status, str(status), number)
        missing = tuple(target for target in order.targets if target not in receipts)
        return ActionResult(receipts, (), missing)

    def _change(self, name: str, order: ActionCall) -> None:
        device = self.devices[name]
        self.changed_at[name] = self.now
        match order.kind:
            case "exempt":
                device.status = "exempted"
            case "ignore":
                device.status = "ignored"
            case "unexempt" | "unignore":
                device.status = "compliant"
            case "assign_to_group":
                device.group = order.group_id or "g1"
            case "delete":
                del self.devices[name], self.changed_at[name]
                self.deleted_at[name] = self.now


def mac_of(name: str) -> str:
    """Return a MAC derived from the number in a device's name."""
    number = int("".join(filter(str.isdigit, name)) or 0)
    return "02:00:" + number.to_bytes(4, "big").hex(":").upper()


def asked_of(taken: Claim) -> Any:
    """Return the content of a call as of its sending."""
    payload = taken.payload
    match payload:
        case ActionCall() | AgentLog():
            return payload
        case DetailRead():
            return payload.ids
        case InventorySync() if taken.call.api == "devices":
            return payload.cursor
        case InventorySync() if taken.call.api == "changes":
            return ChangesAsked(pages.age_asked(payload, taken.call.claimed_at), payload.page)
    return taken.call.api


def without_answer(fate: str) -> VendorError:
    """Return the client's error for a call without an answer."""
    if fate == "unreachable":
        return Unreachable("The vendor cannot be reached.")
    return Unconfirmed("No usable answer came.")


def worst_window(arrivals: Sequence[float]) -> int:
    """Return the highest number of arrivals in any window, both ends included."""
    ordered = sorted(arrivals)
    worst = first = 0
    for index, at in enumerate(ordered):
        while ordered[first] < at - WINDOW:
            first += 1
        worst = max(worst, index - first + 1)
    return worst
