"""A reference model of command states in plain Python, to compare the engine with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import VENDOR_STATUS, CommandStatus
from actions.catalog import KINDS
from actions.opswat.payloads import ActionResult

S = CommandStatus
WAITS = (S.QUEUED, S.HELD)
MAX_SENDS = 3


@dataclass(slots=True)
class Row:
    """The expected state of a command; `starts` is None where only a user resumes it."""

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
        """Whether it may be sent again after a call without an answer."""
        return KINDS[self.kind].idempotent and self.sends < MAX_SENDS

    def take_back(self, status: CommandStatus) -> None:
        """End it without sending: unconfirmed if an earlier call may have taken effect."""
        self.status = S.UNCONFIRMED if self.in_doubt else status


class Reference:
    """The expected commands by primary key, and the paused requests."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.paused: set[int] = set()

    def submitted(self, action_request: ActionRequest) -> None:
        """Add a request's commands; a request already known adds none."""
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
        """Queue the held commands that start by `at`."""
        for row in self.rows.values():
            if row.status == S.HELD and row.starts and row.starts <= at:
                row.status = S.QUEUED

    def claimed(self, call: int, keys: Iterable[int], at: datetime) -> None:
        """Mark commands as sending, and check that each was the next of its device."""
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
                assert not (waits and other_key < key), "an older command still waits"
        for key in carried:
            row = self.rows[key]
            row.status, row.call, row.sends = S.SENDING, call, row.sends + 1

    def answered(self, call: int, result: ActionResult) -> None:
        """Set the status that the vendor reported per device, or unconfirmed if none."""
        for row in self._carried(call):
            device_result = result.results.get(row.target)
            reported = device_result.status if device_result else None
            row.status = S.UNCONFIRMED if reported is None else VENDOR_STATUS[reported]

    def not_done(self, call: int) -> None:
        """Requeue the commands of a call without effect; fail those the sweeper unconfirmed."""
        for row in self._carried(call):
            self._wait_again(row)

    def refused(self, call: int, http_status: int) -> None:
        """Fail the commands of a rejected call; requeue them if a 400 named several targets."""
        carried = self._carried(call)
        for row in carried:
            if http_status == 400 and len({other.target for other in carried}) > 1:
                self._wait_again(row)
            elif row.in_doubt:
                row.status = S.UNCONFIRMED
            else:
                row.status = S.FAILED

    def unanswered(self, call: int) -> None:
        """Requeue the repeatable commands of a call without an answer; unconfirm the others."""
        for row in self._carried(call):
            stopped = row.cancel_asked or row.request_id in self.paused
            if row.status == S.SENDING and row.repeats and not stopped:
                row.in_doubt, row.status = True, S.QUEUED
            else:
                row.status = S.UNCONFIRMED

    def expired(self, at: datetime) -> None:
        """Expire the waiting commands whose expiry is at or before `at`."""
        for row in self.rows.values():
            if row.status in WAITS and row.expires and row.expires <= at:
                row.take_back(S.EXPIRED)

    def cancelled(self, request_id: int, targets: Iterable[str] = ()) -> None:
        """Cancel a request, or only the given targets of it."""
        chosen = set(targets)
        for row in self._of(request_id):
            if chosen and row.target not in chosen:
                continue
            if row.status in WAITS:
                row.take_back(S.CANCELLED)
            elif row.status == S.SENDING:
                row.cancel_asked = True

    def was_paused(self, request_id: int) -> None:
        """Pause a request: hold its waiting commands."""
        self.paused.add(request_id)
        for row in self._of(request_id):
            if row.status in WAITS:
                row.status, row.starts = S.HELD, None

    def resumed(self, request_id: int, at: datetime, start: datetime | None) -> None:
        """Resume a paused request, not before its start."""
        if request_id not in self.paused:
            return
        self.paused.discard(request_id)
        for row in self._of(request_id):
            if row.status == S.HELD:
                row.starts = max(at, start or at)
                row.status = S.HELD if row.starts > at else S.QUEUED

    def read_back(self, found: Mapping[int, CommandStatus]) -> None:
        """Take over the statuses of a read-back, and check that each change is allowed.

        The facts check the statuses themselves; the reference does not predict them.
        """
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
