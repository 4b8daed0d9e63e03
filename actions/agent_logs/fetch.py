"""Fetches agent logs: polls the vendor for the file, stores it, and removes it in time.

The file streams into a private folder first and is checked there. Only a complete file is stored,
and only then does its row become *ready*, in one transaction. So a worker that dies in between
leaves nothing that is shown: the sweeper gives its call up and the log is polled again. A complete
file that cannot be opened here is evidence, too: it is stored for download only.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Case, Sum, When

from actions import free_disk
from actions.agent_logs.files import forget, move_and_record, storage
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_OPEN, LOG_STORED, LogStatus
from actions.agent_logs.zip.directory import BadArchive, read_directory
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import (
    Blocked,
    Rejected,
    RetryLater,
    TooLarge,
    Unauthorized,
    VendorError,
)
from actions.opswat.payloads import RateLimitStatus
from actions.ratelimit import clock, limiter, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane

log = logging.getLogger(__name__)

GROWTH = 1.5
"""Factor by which the interval between polls grows."""

REMOVED_BY_CAP = (
    "Removed: the total cap. All agent logs together had become larger than AGENT_LOG_TOTAL_MB, "
    "and this one was the oldest."
)

S = LogStatus


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of a poll: the stored file, or why there is none.

    `final` says that another poll would have the same result. A stored file with a `message` cannot
    be opened, for that reason.
    """

    message: str = ""
    final: bool = False
    stored_as: str = ""
    size: int = 0
    sha256: str = ""
    files: int = 0


def due(lane: Lane, at: datetime) -> AgentLog | None:
    """Return the log to poll next: those with an open page first, then the newest.

    At most ENGINE_IN_FLIGHT - 2 downloads run at once, so that slow ones leave room for others.
    None runs while the disk is short.
    """
    if free_disk.is_short():
        return None
    rows = AgentLog.objects.filter(open=True, lane=lane, due_at__lte=at, deadline__gt=at)
    order = Case(When(viewed_until__gt=at, then=0), default=1)
    found = rows.select_related("command").order_by(order, "-id").first()
    return found if found and _downloads() < max(1, settings.ENGINE_IN_FLIGHT - 2) else None


def _downloads() -> int:
    return VendorCall.objects.filter(state=CallState.SENDING, api="report").count()


def claim(agent_log: AgentLog, at: datetime, lane: Lane) -> VendorCall:
    """Open the call, and put the next poll of the log off until its lease ends."""
    call = limiter.open_call(at, lane, "report", device_count=1)
    call.action_requests.add(agent_log.request_id)
    agent_log.call, agent_log.attempts, agent_log.due_at = (
        call,
        agent_log.attempts + 1,
        call.lease_until,
    )
    AgentLog.objects.filter(pk=agent_log.pk).update(
        call=call, attempts=agent_log.attempts, last_polled_at=at, due_at=call.lease_until
    )
    return call


def fetch(
    client: VendorClient, slot: Slot, token: str, call: VendorCall, agent_log: AgentLog
) -> Answer[PollResult]:
    """Poll once: make the call, and check and store the file before the result is returned."""
    try:
        with _incoming(call) as path:
            return _download(path, client, slot, token, call, agent_log)
    except TooLarge as error:
        return Answer(PollResult(str(error), final=True), 200, error.rate or RateLimitStatus())
    except OSError as error:
        # Our own disk or storage failed: the breaker stays closed, and the vendor is polled again.
        log.warning("Agent log %s is not stored: %s", agent_log.uuid, error)
        message = f"The file could not be stored here: {error.strerror or 'no answer'}."
        return Answer(PollResult(message), 0, RateLimitStatus())


def _download(
    path: Path,
    client: VendorClient,
    slot: Slot,
    token: str,
    call: VendorCall,
    agent_log: AgentLog,
) -> Answer[PollResult]:
    with path.open("wb") as sink:
        answer = client.get_report(slot, token, agent_log.command.command_id, sink)
    if answer.value.ready:
        result = _store(path, agent_log, call, answer.value.sha256)
    else:
        result = PollResult(message=answer.value.message or "The vendor has no file yet.")
    return Answer(result, answer.http_status, answer.rate)


@contextlib.contextmanager
def _incoming(call: VendorCall) -> Iterator[Path]:
    """Yield a path of our own for the download of this call; the file is removed at the end."""
    folder = Path(settings.AGENT_LOG_INCOMING)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{call.pk}.part"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _store(path: Path, agent_log: AgentLog, call: VendorCall, sha256: str) -> PollResult:
    files, message = 0, ""
    with path.open("rb") as file:
        try:
            files = len(read_directory(file))
        except BadArchive as error:
            message = f"The vendor's file cannot be opened: {error}"
        file.seek(0)
        name = storage().save(_stored_name(agent_log, call), File(file))
    return PollResult(message, False, name, path.stat().st_size, sha256, files)


def _stored_name(agent_log: AgentLog, call: VendorCall) -> str:
    """Return our name of the file. It contains the call, so that a dead worker's file is found."""
    return f"{agent_log.uuid.hex}-{call.pk}.zip"


# ── Settling ────────────────────────────────────────────────────────────────────────────────────


def settle(call: VendorCall, agent_log: AgentLog, result: PollResult, *, in_time: bool) -> None:
    """Apply the result of the call, unless the log was moved or polled again since."""
    row = (
        AgentLog.objects.select_for_update(of=("self",)).filter(pk=agent_log.pk, call=call).first()
    )
    if row is None or row.status not in LOG_OPEN or not in_time:
        forget(result.stored_as)
        return
    at = clock.now()
    if result.stored_as:
        kept = {
            "stored_as": result.stored_as,
            "files": None if result.message else result.files,
            "stored_at": at,
            "keep_until": at + timedelta(days=settings.AGENT_LOG_KEEP_DAYS),
            "message": result.message[:500],
        }
        new = S.UNREADABLE if result.message else S.READY
        move_and_record(row, new, at, size=result.size, sha256=result.sha256, **kept)
    elif result.final:
        size = result.size or None
        move_and_record(
            row, S.FAILED, at, message=result.message[:500], size=size, sha256=result.sha256
        )
    else:
        _retry_later(row, at, result.message)


def requeue(call: VendorCall, agent_log: AgentLog, error: VendorError) -> None:
    """Poll again after a failed call, unless the vendor refused the call as such."""
    row = (
        AgentLog.objects.select_for_update(of=("self",)).filter(pk=agent_log.pk, call=call).first()
    )
    if row is None or row.status not in LOG_OPEN:
        return
    at = clock.now()
    if isinstance(error, Rejected):
        move_and_record(row, S.FAILED, at, message=error.told())
    elif isinstance(error, (RetryLater, Unauthorized)) and not isinstance(error, Blocked):
        # The poll was not made; the circuit breaker delays the next one.
        AgentLog.objects.filter(pk=row.pk).update(due_at=at, message=error.told())
    else:
        _retry_later(row, at, error.told())


def on_call_lost(call: VendorCall) -> None:
    """Poll again at once, and delete what the dead worker may have stored."""
    row = AgentLog.objects.filter(call=call, open=True).first()
    if row is not None:
        forget(_stored_name(row, call))
        AgentLog.objects.filter(pk=row.pk).update(due_at=clock.now())


def _retry_later(row: AgentLog, at: datetime, message: str) -> None:
    changes = {
        "due_at": at + _interval(row, at),
        "lane": Lane.REPORTS,
        "message": message[:500],
    }
    move_and_record(row, S.WAITING, at, **changes)


def _interval(row: AgentLog, at: datetime) -> timedelta:
    """Return the time until the next poll: it grows with each, and is short while viewed."""
    if row.viewed_until and row.viewed_until > at:
        return interval_while_viewed()
    grown = _first_interval() * GROWTH ** min(row.attempts, 50)
    return timedelta(seconds=min(grown, settings.AGENT_LOG_MAX_INTERVAL))


def _first_interval() -> float:
    """Return AGENT_LOG_FIRST_POLL in seconds, at least one."""
    return max(1.0, float(settings.AGENT_LOG_FIRST_POLL))


def interval_while_viewed() -> timedelta:
    """Return the time between two polls of a log whose page is open."""
    return timedelta(seconds=_first_interval() / 3)


def max_interval() -> timedelta:
    """Return the longest time until the next poll."""
    return timedelta(seconds=max(settings.AGENT_LOG_MAX_INTERVAL, settings.AGENT_LOG_FIRST_POLL))


def sweep(at: datetime) -> None:
    """End polls past their deadline, remove expired files and unfinished downloads."""
    _expire(at)
    for row in AgentLog.objects.filter(keep_until__lte=at, status__in=LOG_STORED)[:100]:
        remove(row, at)
    _remove_beyond_cap(at)
    folder = Path(settings.AGENT_LOG_INCOMING)
    oldest = (at - 2 * window.lease()).timestamp()
    for part in folder.glob("*.part") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if part.stat().st_mtime < oldest:
                part.unlink()


@transaction.atomic
def _expire(at: datetime) -> None:
    """Expire the logs whose deadline has passed, except one that is in a call."""
    late = AgentLog.objects.filter(open=True, deadline__lte=at)
    for row in late.exclude(call__state=CallState.SENDING).select_related("command")[:100]:
        message = row.message or "The vendor was not polled before the deadline."
        move_and_record(row, S.EXPIRED, at, message=message, lane=Lane.REPORTS)


def _remove_beyond_cap(at: datetime) -> None:
    """Remove the oldest files while all together are larger than AGENT_LOG_TOTAL_MB.

    The newest stays even if it is larger alone.
    """
    cap = settings.AGENT_LOG_TOTAL_MB * 2**20
    stored = AgentLog.objects.filter(keep_until__isnull=False, status__in=LOG_STORED)
    total = stored.aggregate(bytes=Sum("size"))["bytes"] or 0
    if not cap or total <= cap:
        return
    for row in list(stored.order_by("stored_at", "pk")[:100])[: stored.count() - 1]:
        remove(row, at, REMOVED_BY_CAP)
        total -= row.size or 0
        if total <= cap:
            return


@transaction.atomic
def remove(row: AgentLog, at: datetime, message: str = "") -> None:
    """Remove the file of a log; its row stays, with a message if it goes before its time."""
    changes = {"message": message} if message else {}
    if move_and_record(row, S.REMOVED, at, stored_as="", keep_until=None, **changes):
        forget(row.stored_as)
