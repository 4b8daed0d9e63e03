"""Read requests and their commands for pages, commands and the API."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
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
    """One segment of the outcome bar; `start` and `width` are in thousandths of the whole."""

    status: CommandStatus
    count: int
    start: float
    width: float

    @property
    def label(self) -> str:
        """The label of the status."""
        return str(self.status.label)

    @property
    def meaning(self) -> str:
        """The explanation of the status, one sentence."""
        return STATUSES[self.status].explanation


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a request: its commands by status.

    `next_check_at` is the time of the next read-back of a device, None if there is none to come.
    """

    total: int
    waiting: int
    shares: tuple[OutcomeShare, ...]
    next_check_at: datetime | None = None

    @property
    def settled(self) -> int:
        """The number of commands with a final outcome."""
        return self.total - self.waiting

    @property
    def finished(self) -> bool:
        """Whether no command waits."""
        return self.waiting == 0

    @property
    def final(self) -> bool:
        """Whether nothing changes any more by itself: no command waits, no read-back is to come."""
        return self.finished and self.next_check_at is None

    @property
    def counts(self) -> dict[str, int]:
        """The number of commands in each status that has any."""
        return {share.status: share.count for share in self.shares}


def find(token: UUID) -> ActionRequest | None:
    """Return the request with that id, or None."""
    return ActionRequest.objects.filter(uuid=token).first()


def newest(limit: int) -> list[ActionRequest]:
    """Return the latest requests, newest first."""
    return list(ActionRequest.objects.order_by("-id")[:limit])


def listed(*, before: int | None, size: int, mine: int | None, kind: str) -> list[ActionRequest]:
    """Return a page of requests, newest first, with keys below `before`.

    `mine` is the key of a user, to whose requests the list is limited.
    """
    requests = ActionRequest.objects.order_by("-id")
    if before:
        requests = requests.filter(pk__lt=before)
    if mine:
        requests = requests.filter(user_id=mine)
    if kind:
        requests = requests.filter(kind_name=kind)
    return list(requests[:size])


def counts(action_request: ActionRequest) -> dict[str, int]:
    """Return the number of commands in each status, zeros included."""
    rows = DeviceCommand.objects.filter(request=action_request).order_by()
    found = dict(rows.values_list("status").annotate(Count("id")))
    return {str(status): found.get(str(status), 0) for status in S}


def progress(action_request: ActionRequest) -> Progress:
    """Return the progress of one request."""
    found = _progress(counts(action_request))
    if not found.finished or not action_request.kind.observable:
        return found
    rows = DeviceCommand.objects.filter(request=action_request, check_at__isnull=False)
    return replace(found, next_check_at=rows.aggregate(at=Min("check_at"))["at"])


def progress_of(action_requests: list[ActionRequest]) -> dict[int, Progress]:
    """Return the progress of several requests by their keys, with one query."""
    rows = DeviceCommand.objects.filter(request__in=action_requests).order_by()
    found: dict[int, dict[str, int]] = {each.pk: {} for each in action_requests}
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
    counts: dict[str, int],
    *,
    status: str = "",
    page: int = 1,
    size: int = 100,
) -> tuple[list[DeviceCommand], bool]:
    """Return a page of the commands in LIST_ORDER, and whether more follow.

    `counts` are the numbers of commands by status.
    """
    rows = DeviceCommand.objects.filter(request=action_request).order_by("id")
    statuses = [status] if status else LIST_ORDER
    keys = _keys_by_status(rows, counts, statuses, (page - 1) * size, size + 1)
    found = DeviceCommand.objects.select_related("call", "agent_log", "request").in_bulk(keys)
    return [found[key] for key in keys[:size]], len(keys) > size


def count_waiting(action_request: ActionRequest, target: str) -> int:
    """Return how many unsent commands of the request could be cancelled, of one target or of all.

    An empty target means all of them.
    """
    rows = DeviceCommand.objects.filter(request=action_request, status__in=[S.QUEUED, S.HELD])
    return (rows.filter(target=target) if target else rows).count()


def _keys_by_status(
    rows: QuerySet[DeviceCommand],
    counts: dict[str, int],
    statuses: Iterable[str],
    start: int,
    limit: int,
) -> list[int]:
    """Return up to `limit` keys from position `start`, without sorting all rows by status.

    The index holds the keys of each status of a request in order, and `counts` tells how many
    keys to skip. A row whose status changes meanwhile is listed once.
    """
    keys: dict[int, None] = {}
    for status in statuses:
        skipped = min(start, counts.get(status, 0))
        if skipped < counts.get(status, 0):
            of_status = rows.filter(status=status).values_list("pk", flat=True)
            keys |= dict.fromkeys(of_status[skipped : skipped + limit - len(keys)])
        start -= skipped
        if len(keys) >= limit:
            break
    return list(keys)


def calls(action_request: ActionRequest, limit: int = 20) -> list[VendorCall]:
    """Return the latest vendor calls of the request, newest first."""
    return list(action_request.calls.order_by("-id")[:limit])


def is_finished(action_request: ActionRequest) -> bool:
    """Return whether no command of the request waits."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return not rows.filter(status__in=list(WAITING)).exists()


def all_accepted(action_request: ActionRequest) -> bool:
    """Return whether the vendor accepted every command."""
    rows = DeviceCommand.objects.filter(request=action_request)
    return not rows.exclude(status__in=list(SUCCEEDED)).exists()


def as_json(action_request: ActionRequest) -> dict[str, Any]:
    """Return the request in the form that scripts read, whose names do not change."""
    rows = DeviceCommand.objects.filter(request=action_request).order_by("id")
    return {
        "request": str(action_request.uuid),
        "kind": action_request.kind_name,
        "counts": counts(action_request),
        "devices": [
            {
                "id": target,
                "status": status,
                "code": code,
                "command_id": command_id,
                "detail": detail,
                "vendor_words": (words or "") if detail else "",
            }
            for target, status, code, command_id, detail, words in rows.values_list(
                *("target", "status", "vendor_status", "command_id"),
                *("detail", "call__vendor_words"),
            )
        ],
    }


def reasons(action_request: ActionRequest, limit: int = 5) -> list[str]:
    """Return the most frequent reasons of its commands, with the vendor's own words."""
    rows = DeviceCommand.objects.filter(request=action_request).exclude(detail="").order_by()
    found = rows.values_list("detail", "call__vendor_words").annotate(count=Count("id"))
    return [
        f"{count} devices: {detail}" + (f" OPSWAT says: {words}" if words else "")
        for detail, words, count in found.order_by("-count", "detail")[:limit]
    ]


def oldest_waiting_seconds() -> float:
    """Return how long the oldest unsent command has waited, in seconds; 0 if none waits."""
    # One subquery for each lane, because the index of a lane begins with its oldest request.
    queued = DeviceCommand.objects.filter(status=S.QUEUED).order_by("request_id", "id")
    firsts = [Q(pk=Subquery(queued.filter(lane=lane).values("pk")[:1])) for lane in Lane]
    # A query of its own: SQLite uses no partial index for both statuses together.
    sending = DeviceCommand.objects.filter(status=S.SENDING, coalesced=False)
    waiting = (DeviceCommand.objects.filter(reduce(or_, firsts)), sending)
    found = [rows.aggregate(at=Min("created_at"))["at"] for rows in waiting]
    oldest = min(filter(None, found), default=None)
    return (now() - oldest).total_seconds() if oldest else 0.0
