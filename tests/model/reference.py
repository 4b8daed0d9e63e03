"""The states of commands once more, in a few lines of plain Python, to compare the engine with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import VENDOR_STATUS, CommandStatus
from actions.catalog import KINDS
from actions.opswat.payloads import ActionResult

S = CommandStatus
WAITS = (S.QUEUED, S.HELD)
MOST_SENDS = 3


@dataclass(slots=True)
class Row:
    """One command as it should be; `starts` is None where only a person lets it go on."""

    request_id: int
    kind: str
    device: str
    target: str
    status: CommandStatus
    starts: datetime | None
    expires: datetime | None
    call: int = 0
    sends: int = 0
    in_doubt: bool = False
    cancel_asked: bool = False

    @property
    def repeats(self) -> bool:
        """Whether it may be sent again without an answer."""
        return KINDS[self.kind].idempotent and self.sends < MOST_SENDS

    def take_back(self, status: CommandStatus) -> None:
        """It will not be sent any more; but what may have happened is never denied."""
        self.status = S.UNCONFIRMED if self.in_doubt else status


class Reference:
    """All commands by their key, and the requests that are paused."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.paused: set[int] = set()

    def submitted(self, action_request: ActionRequest) -> None:
        """A new request; asked twice it is one."""
        for row in DeviceCommand.objects.filter(request=action_request).exclude(pk__in=self.rows):
            self.rows[row.pk] = Row(
                request_id=action_request.pk,
                kind=action_request.kind_name,
                device=row.device_key,
                target=row.target,
                status=S.HELD if action_request.start_at else S.QUEUED,
                starts=action_request.start_at,
                expires=action_request.give_up_at,
            )

    def released(self, at: datetime) -> None:
        """Held commands whose time has come wait for their turn."""
        for row in self.rows.values():
            if row.status == S.HELD and row.starts and row.starts <= at:
                row.status = S.QUEUED

    def claimed(self, call: int, keys: Iterable[int], at: datetime) -> None:
        """A call took these, each of them in its turn."""
        carried = set(keys)
        for key in carried:
            row = self.rows[key]
            assert row.status == S.QUEUED
            assert row.expires is None or row.expires > at
            for other_key, other in self.rows.items():
                if other.device != row.device or other_key in carried:
                    continue
                assert other.status != S.SENDING, "two calls are out with one device"
                waits = other.status == S.QUEUED and not (other.expires and other.expires <= at)
                assert not (waits and other_key < key), "an older one still waits"
        for key in carried:
            row = self.rows[key]
            row.status, row.call, row.sends = S.SENDING, call, row.sends + 1

    def answered(self, call: int, book: ActionResult) -> None:
        """The vendor said of each device what became of it, or nothing."""
        for row in self._carried(call):
            receipt = book.results.get(row.target)
            said = receipt.status if receipt else None
            row.status = S.UNCONFIRMED if said is None else VENDOR_STATUS[said]

    def not_done(self, call: int) -> None:
        """The call did nothing: its commands wait again, unless the sweeper gave them up."""
        for row in self._carried(call):
            self._wait_again(row)

    def refused(self, call: int, http_status: int) -> None:
        """The vendor refused the call as a whole."""
        carried = self._carried(call)
        for row in carried:
            if http_status == 400 and len({other.target for other in carried}) > 1:
                self._wait_again(row)
            elif row.in_doubt:
                row.status = S.UNCONFIRMED
            else:
                row.status = S.FAILED

    def unanswered(self, call: int) -> None:
        """Nobody knows what became of the call."""
        for row in self._carried(call):
            stopped = row.cancel_asked or row.request_id in self.paused
            if row.status == S.SENDING and row.repeats and not stopped:
                row.in_doubt, row.status = True, S.QUEUED
            else:
                row.status = S.UNCONFIRMED

    def expired(self, at: datetime) -> None:
        """Those whose time to give up has come are given up."""
        for row in self.rows.values():
            if row.status in WAITS and row.expires and row.expires <= at:
                row.take_back(S.EXPIRED)

    def cancelled(self, request_id: int, targets: Iterable[str] = ()) -> None:
        """A person takes back a request, or some devices of it."""
        chosen = set(targets)
        for row in self._of(request_id):
            if chosen and row.target not in chosen:
                continue
            if row.status in WAITS:
                row.take_back(S.CANCELLED)
            elif row.status == S.SENDING:
                row.cancel_asked = True

    def was_paused(self, request_id: int) -> None:
        """A person holds a request."""
        self.paused.add(request_id)
        for row in self._of(request_id):
            if row.status in WAITS:
                row.status, row.starts = S.HELD, None

    def resumed(self, request_id: int, at: datetime, start: datetime | None) -> None:
        """A person lets a paused request go on, but not before its start."""
        if request_id not in self.paused:
            return
        self.paused.discard(request_id)
        for row in self._of(request_id):
            if row.status == S.HELD:
                row.starts = max(at, start or at)
                row.status = S.HELD if row.starts > at else S.QUEUED

    def looked(self, found: Mapping[int, CommandStatus]) -> None:
        """What a look at the devices may change: judged by the facts, not predicted here."""
        allowed = {
            S.ACCEPTED: {S.CONFIRMED, S.NOT_SEEN},
            S.UNCONFIRMED: {S.ACCEPTED, S.FAILED},
        }
        for key, status in found.items():
            row = self.rows[key]
            if status != row.status:
                assert status in allowed[row.status]
                row.status = status

    def _carried(self, call: int) -> list[Row]:
        here = (S.SENDING, S.UNCONFIRMED)
        return [row for row in self.rows.values() if row.call == call and row.status in here]

    def _of(self, request_id: int) -> list[Row]:
        return [row for row in self.rows.values() if row.request_id == request_id]

    def _wait_again(self, row: Row) -> None:
        if row.status == S.UNCONFIRMED:
            row.status = S.UNCONFIRMED if row.in_doubt else S.FAILED
        elif row.cancel_asked:
            row.take_back(S.CANCELLED)
        elif row.request_id in self.paused:
            row.status, row.starts = S.HELD, None
        else:
            row.status = S.QUEUED
