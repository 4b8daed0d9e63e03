"""The vendor calls of agent logs: fetching the file that a command ID stands for."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min

from actions.agent_logs import fetch
from actions.agent_logs.models import AgentLog
from actions.dispatch.work import Backlog, Due, Work
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import VendorError
from actions.ratelimit import window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane


class AgentLogWork(Work[AgentLog, AgentLog]):
    """Fetches one log a call; polls until the vendor has it."""

    apis = frozenset({"report"})
    ranks = {Lane.NORMAL: 1, Lane.REPORTS: 0}

    def next_due(
        self, lane: Lane, at: datetime, lingering: Collection[str]
    ) -> Due[AgentLog] | None:
        """Return the log to fetch next."""
        found = fetch.due(lane, at)
        return Due(found, found.due_at) if found else None

    def claim(self, item: AgentLog, lane: Lane, at: datetime) -> tuple[VendorCall, AgentLog]:
        """Open the call, and put the next poll off until the lease ends."""
        return fetch.claim(item, at, lane), item

    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: AgentLog
    ) -> Answer[Any]:
        """Make the Get Report call, and store the file if it came."""
        return fetch.fetch(client, slot, token, call, payload)

    def settle(
        self, call: VendorCall, payload: AgentLog, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Move the log to the state that the answer means."""
        fetch.settle(call, payload, answer.value, in_time=in_time)

    def fail(self, call: VendorCall, payload: AgentLog, error: VendorError) -> None:
        """Poll later, unless the vendor refused the call as such."""
        fetch.requeue(call, payload, error)

    def lost(self, call: VendorCall, reason: str) -> None:
        """Poll at once, and remove what the dead worker may have stored."""
        fetch.on_call_lost(call)

    def sweep(self, at: datetime) -> None:
        """End what is past its deadline, remove expired files and unfinished downloads."""
        fetch.sweep(at)

    def clock_was_set(self, at: datetime) -> None:
        """Bring polls within their longest interval."""
        latest = at + max(window.lease(), fetch.max_interval())
        AgentLog.objects.filter(open=True, due_at__gt=latest).update(due_at=latest)

    def backlog(self, at: datetime) -> Iterable[Backlog]:
        """Return the logs that are due: each takes a call of its own, as a full call does."""
        due = AgentLog.objects.filter(open=True, due_at__lte=at).order_by()
        full = settings.OPSWAT_MAX_DEVICES
        for lane, count, since in due.values_list("lane").annotate(Count("id"), Min("due_at")):
            yield Backlog(Lane(lane), count * full, since, counted_as="logs")
