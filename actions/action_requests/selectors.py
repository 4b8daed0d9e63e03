"""What the pages and commands show of requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet, Subquery
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import (
    BAR_ORDER,
    LIST_ORDER,
    STATUSES,
    SUCCEEDED,
    WAITING,
    CommandStatus,
)
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

S = CommandStatus


@dataclass(frozen=True, slots=True)
class OutcomeShare:
    """One part of the bar; `start` and `width` are in thousandths of the whole."""

    status: CommandStatus
    count: int
    start: float
    width: float

    @property
    def label(self) -> str:
        """The status as a word."""
        return str(self.status.label)

    @property
    def meaning(self) -> str:
        """The status in one sentence."""
        return STATUSES[self.status].explanation


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request has come, counted from its commands."""

    total: int
    waiting: int
    shares: tuple[OutcomeShare, ...]

    @property
    def settled(self) -> int:
        """Devices that the engine has nothing more to do for."""
        return self.total - self.waiting

    @property
    def finished(self) -> bool:
        """Whether nothing waits any more."""
        return self.waiting == 0

    @property
    def counts(self) -> dict[str, int]:
        """How many devices stand in each status that any stands in."""
        return {share.status: share.count for share in self.shares}


def find(token: UUID) -> ActionRequest | None:
    """The request with that id."""
    return ActionRequest.objects.filter(uuid=token).first()


def newest(limit: int) -> list[ActionRequest]:
    """The latest requests."""
    return list(ActionRequest.objects.order_by("-id")[:limit])


def listed(*, before: int | None, size: int, mine: int | None, kind: str) -> list[ActionRequest]:
    """A page of requests, newest first, after the one with the id `before`."""
    requests = ActionRequest.objects.order_by("-id")
    if before:
        requests = requests.filter(pk__lt=before)
    if mine:
        requests = requests.filter(user_id=mine)
    if kind:
        requests = requests.filter(kind_name=kind)
    return list(requests[:size])


def counts(action_request: ActionRequest) -> dict[str, int]:
    """How many commands stand in each status, with every status named."""
    rows = DeviceCommand.objects.filter(request=action_request).order_by()
    found = dict(rows.values_list("status").annotate(Count("id")))
    return {str(status): found.get(str(status), 0) for status in S}


def progress(action_request: ActionRequest) -> Progress:
    """The counts of one request, as the bar draws them."""
    return _progress(counts(action_request))


def progress_of(action_requests: list[ActionRequest]) -> dict[int, Progress]:
    """The counts of several requests with one query, by the request's key."""
    rows = DeviceCommand.objects.filter(request__in=action_requests).order_by()
    found: dict[int, dict[str, int]] = {wish.pk: {} for wish in action_requests}
    for key, status, count in rows.values_list("request_id", "status").annotate(Count("id")):
        found[key][status] = count
    return {key: _progress(each) for key, each in found.items()}


def _progress(found: dict[str, int]) -> Progress:
    total = sum(found.values())
    shares, start = [], 0.0
    for status in BAR_ORDER:
        if count := found.get(status, 0):
            width = 1000 * count / total
            shares.append(OutcomeShare(status, count, round(start, 2), round(width, 2)))
            start += width
    waiting = sum(found.get(status, 0) for status in WAITING)
    return Progress(total=total, waiting=waiting, shares=tuple(shares))


def commands(
    action_request: ActionRequest,
    have: dict[str, int],
    *,
    status: str = "",
    page: int = 1,
    size: int = 100,
) -> tuple[list[DeviceCommand], bool]:
    """A page of the request's devices, what needs a person on top; and whether more follow.

    `have` are the request's counts.
    """
    rows = DeviceCommand.objects.filter(request=action_request).order_by("id")
    statuses = [status] if status else LIST_ORDER
    keys = _keys_failed_first(rows, have, statuses, (page - 1) * size, size + 1)
    found = DeviceCommand.objects.select_related("call", "agent_log").in_bulk(keys)
    return [found[key] for key in keys[:size]], len(keys) > size


def _keys_failed_first(
    rows: QuerySet[DeviceCommand],
    have: dict[str, int],
    statuses: Iterable[str],
    start: int,
    wanted: int,
) -> list[int]:
    """The keys from place `start` on, without sorting a hundred thousand rows by status.

    The index holds each status of the request in the order of the keys; the counts say what to
    skip. A row that moves meanwhile is named once.
    """
    keys: dict[int, None] = {}
    for status in statuses:
        skipped = min(start, have.get(status, 0))
        if skipped < have.get(status, 0):
            some = rows.filter(status=status).values_list("pk", flat=True)
            keys |= dict.fromkeys(some[skipped : skipped + wanted - len(keys)])
        start -= skipped
        if len(keys) >= wanted:
            break
    return list(keys)


def calls(action_request: ActionRequest, limit: int = 20) -> list[VendorCall]:
    """The latest calls made for the request."""
    return list(action_request.calls.order_by("-id")[:limit])


def is_finished(action_request: ActionRequest) -> bool:
    """Whether nothing of the request waits any more."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return not rows.filter(status__in=list(WAITING)).exists()


def all_accepted(action_request: ActionRequest) -> bool:
    """Whether the vendor accepted every device."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return not rows.exclude(status__in=list(SUCCEEDED)).exists()


def as_json(action_request: ActionRequest) -> dict[str, Any]:
    """The request as scripts read it: the form is stable."""
    rows = DeviceCommand.objects.filter(request=action_request).order_by("id")
    return {
        "request": str(action_request.uuid),
        "kind": action_request.kind_name,
        "counts": counts(action_request),
        "devices": [
            {"id": target, "status": status, "code": code, "command_id": command_id}
            for target, status, code, command_id in rows.values_list(
                "target", "status", "vendor_status", "command_id"
            )
        ],
    }


def oldest_waiting_seconds() -> float:
    """How long the oldest waiting command has waited, in seconds; 0 when none waits."""
    # Lane by lane, because there the index holds the oldest request first.
    queued = DeviceCommand.objects.filter(status=S.QUEUED).order_by("request_id", "id")
    firsts = [Q(pk=Subquery(queued.filter(lane=lane).values("pk")[:1])) for lane in Lane]
    # Apart from what is on its way: together SQLite would find no partial index.
    sending = DeviceCommand.objects.filter(status=S.SENDING, coalesced=False)
    waiting = (DeviceCommand.objects.filter(reduce(or_, firsts)), sending)
    found = [rows.aggregate(at=Min("created_at"))["at"] for rows in waiting]
    oldest = min(filter(None, found), default=None)
    return (now() - oldest).total_seconds() if oldest else 0.0
