"""The vendor calls of action requests: sending commands, and reading back what became of them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Min

from actions.action_requests import outcomes, queue, readback
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.dispatch.work import Backlog, Due, Work
from actions.inventory.refresh import DetailRead
from actions.inventory.work import DetailWork
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import (
    Blocked,
    NotRecorded,
    Rejected,
    RetryLater,
    Unauthorized,
    VendorError,
)
from actions.opswat.payloads import ActionCall
from actions.ratelimit import accounts, call_size, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

S = CommandStatus


class CommandWork(Work[DeviceCommand, ActionCall]):
    """Sends queued commands, up to a call full of those with the same parameters."""

    apis = frozenset({"action"})
    ranks = {Lane.URGENT: 0, Lane.NORMAL: 1, Lane.BULK: 0}
    records_own_lines = True

    def next_due(
        self, lane: Lane, at: datetime, lingering: Collection[str]
    ) -> Due[DeviceCommand] | None:
        """Return the command that leads the next call."""
        found = queue.next_command(lane, at, lingering if lane == Lane.URGENT else ())
        return Due(found, found.due_at) if found else None

    def claim(self, item: DeviceCommand, lane: Lane, at: datetime) -> tuple[VendorCall, ActionCall]:
        """Open the call and fill it."""
        return queue.claim_commands(item, lane, at)

    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: ActionCall
    ) -> Answer[Any]:
        """Make the Device Action call."""
        return client.device_action(slot, token, payload)

    def settle(
        self, call: VendorCall, payload: ActionCall, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Give each command its result."""
        outcomes.settle(call, answer.value)
        call_size.note_accepted(accounts.lock(), call)

    def fail(self, call: VendorCall, payload: ActionCall, error: VendorError) -> None:
        """Requeue, reject or mark unconfirmed: not sent, refused and unknown are three things."""
        if isinstance(error, (RetryLater, Unauthorized)):
            outcomes.requeue(call, str(error), pause=isinstance(error, Blocked))
        elif isinstance(error, Rejected):
            outcomes.reject(call, str(error), error.http_status or 0)
        else:
            outcomes.mark_unconfirmed(call, str(error), error.http_status)

    def lost(self, call: VendorCall, reason: str) -> None:
        """Mark the commands unconfirmed; only an idempotent kind is sent again."""
        outcomes.mark_unconfirmed(call, reason)

    def is_waiting(self, at: datetime) -> bool:
        """Return whether any command is queued, also one behind an older command."""
        return DeviceCommand.objects.filter(status=S.QUEUED).exists()

    def lingering(self, at: datetime) -> Mapping[str, float]:
        """Return the coalesce keys of urgent commands that wait for more of their kind."""
        return queue.lingering_keys(at)

    def release(self, at: datetime) -> None:
        """Queue the held commands whose start time has come."""
        due = DeviceCommand.objects.filter(status=S.HELD, due_at__lte=at)
        if due.exists():
            outcomes.queue_held(due)

    @transaction.atomic
    def sweep(self, at: datetime) -> None:
        """Expire the commands that were not sent by their time to give up."""
        accounts.lock()
        outcomes.expire(at)
        outcomes.settle_stranded(at)

    def restored(self, reason: str) -> int:
        """Mark the commands unconfirmed that wait or are in a call."""
        return outcomes.doubt_all(reason)

    def clock_was_set(self, at: datetime) -> None:
        """Make queued commands due now that the old clock made due later."""
        DeviceCommand.objects.filter(status=S.QUEUED, due_at__gt=at).update(due_at=at)

    def backlog(self, at: datetime) -> Iterable[Backlog]:
        """Return what each request still has in the queue."""
        rows = DeviceCommand.objects.filter(status=S.QUEUED).order_by()
        # Counted in the index alone; the other columns are read from the row that goes next.
        grouped = sorted(rows.values_list("lane", "request_id").annotate(Count("id"), Min("id")))
        leads = rows.in_bulk([first for _, _, _, first in grouped])
        for lane, request, count, first in grouped:
            if lead := leads.get(first):
                yield Backlog(Lane(lane), count, lead.due_at, request, lead.coalesce_key, "devices")


class ReadBackWork(DetailWork):
    """Reads devices again to see whether accepted or unconfirmed commands took effect."""

    ranks = {Lane.NORMAL: 0, Lane.INVENTORY: 0}

    def next_due(
        self, lane: Lane, at: datetime, lingering: Collection[str]
    ) -> Due[DetailRead] | None:
        """Return unconfirmed commands in the normal lane, accepted ones in the lowest."""
        found = readback.due(S.UNCONFIRMED if lane == Lane.NORMAL else S.ACCEPTED, at)
        return Due(found, found.since) if found else None

    def claim(self, item: DetailRead, lane: Lane, at: datetime) -> tuple[VendorCall, DetailRead]:
        """Open the call, and put the read-back of its commands off until the lease ends."""
        return readback.claim(item, at, lane), item

    def settle(
        self, call: VendorCall, payload: DetailRead, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Store the details, and settle the commands by them."""
        super().settle(call, payload, answer, in_time=in_time)
        readback.reconcile(payload, answer.value)

    def fail(self, call: VendorCall, payload: DetailRead, error: VendorError) -> None:
        """Read back later; a limited number of times where another try promises nothing."""
        readback.requeue(payload, final=isinstance(error, (Rejected, NotRecorded)))

    def clock_was_set(self, at: datetime) -> None:
        """Bring read-backs within their longest interval."""
        last = at + max(window.lease(), readback.max_interval())
        DeviceCommand.objects.filter(check_at__gt=last).update(check_at=last)
