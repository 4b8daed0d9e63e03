"""The kinds of vendor calls that the dispatcher makes, behind one interface.

A kind of call is one class in the package of its subject (`action_requests.work`,
`inventory.work`, `agent_logs.work`), registered in `actions.wiring`. The dispatcher knows only
this interface: it decides whose call is next, claims a slot, makes the call and hands the answer
back.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar

from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import VendorError
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

Item = TypeVar("Item")
Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class Due(Generic[Item]):
    """Work that may be sent now, and since when it has been due."""

    item: Item
    since: datetime


@dataclass(slots=True)
class Backlog:
    """Work that waits, for the forecast.

    `devices` is the size in devices, a call holds OPSWAT_MAX_DEVICES of them. `request_id` is the
    request that waits, if any. `counted_as` names the counter of the lane's backlog on the pages.
    """

    lane: Lane
    devices: int
    since: datetime
    request_id: int | None = None
    coalesce_key: str = ""
    counted_as: Literal["devices", "logs", ""] = ""


class Work(ABC, Generic[Item, Payload]):
    """One kind of vendor call.

    `apis` are the values of `VendorCall.api` of its calls. `ranks` has the lanes that it uses: in a
    lane the kind with the lowest rank goes first, and kinds of one rank by who has waited longest.
    All methods but `send` run in a transaction that holds the account's lock.
    """

    apis: ClassVar[frozenset[str]]
    ranks: ClassVar[Mapping[Lane, int]]
    records_own_lines: ClassVar[bool] = False
    """Whether its audit lines tell how a call ended, so that the call itself needs none."""

    @abstractmethod
    def next_due(self, lane: Lane, at: datetime, lingering: Collection[str]) -> Due[Item] | None:
        """Return the work that goes next in this lane, less what lingers."""

    @abstractmethod
    def claim(self, item: Item, lane: Lane, at: datetime) -> tuple[VendorCall, Payload]:
        """Open the call, and keep other dispatchers from the same work until its lease ends."""

    @abstractmethod
    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: Payload
    ) -> Answer[Any]:
        """Make the HTTP call, with no transaction open; raises VendorError."""

    @abstractmethod
    def settle(
        self, call: VendorCall, payload: Payload, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Apply a usable answer; `in_time` is False if the sweeper had given the call up."""

    @abstractmethod
    def fail(self, call: VendorCall, payload: Payload, error: VendorError) -> None:
        """Apply the lack of a usable answer."""

    def lost(self, call: VendorCall, reason: str) -> None:
        """Apply that the worker died in the call. By default its work is due after the lease."""

    def is_waiting(self, at: datetime) -> bool:
        """Return whether any of its work may be due."""
        return any(self.next_due(lane, at, ()) for lane in self.ranks)

    def lingering(self, at: datetime) -> Mapping[str, float]:
        """Return the coalesce keys whose calls wait to fill up, with the seconds left."""
        return {}

    def release(self, at: datetime) -> None:
        """Queue what was held until now; called before each claim."""

    def sweep(self, at: datetime) -> None:
        """End what is past its deadline; called by the sweeper, which holds no lock."""

    def clock_was_set(self, at: datetime) -> None:
        """Bring times that the old clock wrote back within reach of the new one."""

    def restored(self, reason: str) -> int:
        """Give up what waits, because a restored backup calls it so; return how much it was."""
        return 0

    def backlog(self, at: datetime) -> Iterable[Backlog]:
        """Return what waits, for the forecast."""
        return ()


WORKS: list[Work[Any, Any]] = []
"""All kinds of calls, in the order in which equals are served."""


def register(*works: Work[Any, Any]) -> None:
    """Add kinds of calls; done once, by `actions.wiring`."""
    WORKS.extend(works)
