"""Agent logs: ask the vendor for the file until it comes, store it, and let it go in time.

The file streams into a private folder first and is looked through there; only a whole file that
can be opened is stored, and only then does its row say *ready*, in one transaction. So a worker
that dies in between leaves nothing that is shown: its call is given up and the log asked for anew.
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
from django.db.models import Case, When

from actions.agent_logs.files import forget, move, storage
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_OPEN, LogStatus
from actions.agent_logs.zip.directory import BadArchive, read_directory
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import Rejected, RetryLater, TooLarge, Unauthorized, VendorError
from actions.opswat.payloads import RateLimitStatus
from actions.ratelimit import clock, limiter, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane

log = logging.getLogger(__name__)

GROWTH = 1.5
"""Each pause is so many times the one before."""

S = LogStatus


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What asking for a log led to: the stored file, or why there is none.

    `final` says that asking again would lead to the same.
    """

    message: str = ""
    final: bool = False
    stored_as: str = ""
    size: int = 0
    sha256: str = ""
    files: int = 0


def due(lane: Lane, at: datetime) -> AgentLog | None:
    """The log to ask for next: those with an open page first, then the newest.

    Slow downloads must leave calls on their way to everybody else.
    """
    rows = AgentLog.objects.filter(open=True, lane=lane, due_at__lte=at, deadline__gt=at)
    wanted = Case(When(viewed_until__gt=at, then=0), default=1)
    found = rows.select_related("command").order_by(wanted, "-id").first()
    return found if found and _downloads() < max(1, settings.ENGINE_IN_FLIGHT - 2) else None


def _downloads() -> int:
    return VendorCall.objects.filter(state=CallState.SENDING, api="report").count()


def claim(wanted: AgentLog, at: datetime, lane: Lane) -> VendorCall:
    """Open the call, and keep other pumps from asking for the same log meanwhile."""
    call = limiter.open_call(at, lane, "report", device_count=1)
    call.action_requests.add(wanted.request_id)
    wanted.call, wanted.attempts, wanted.due_at = call, wanted.attempts + 1, call.lease_until
    AgentLog.objects.filter(pk=wanted.pk).update(
        call=call, attempts=wanted.attempts, last_polled_at=at, due_at=call.lease_until
    )
    return call


def fetch(
    client: VendorClient, slot: Slot, token: str, call: VendorCall, wanted: AgentLog
) -> Answer[FetchResult]:
    """Make the call; a file is looked through and stored before anybody hears of it."""
    try:
        with _incoming(call) as path:
            return _download(path, client, slot, token, call, wanted)
    except TooLarge as error:
        return Answer(FetchResult(str(error), final=True), 200, error.rate or RateLimitStatus())
    except OSError as error:
        # Our own disk or storage: nobody else must wait for that, and the vendor is asked again.
        log.warning("Agent log %s is not stored: %s", wanted.uuid, error)
        said = f"The file could not be stored here: {error.strerror or 'no answer'}."
        return Answer(FetchResult(said), 0, RateLimitStatus())


def _download(
    path: Path,
    client: VendorClient,
    slot: Slot,
    token: str,
    call: VendorCall,
    wanted: AgentLog,
) -> Answer[FetchResult]:
    with path.open("wb") as sink:
        answer = client.get_report(slot, token, wanted.command.command_id, sink)
    if answer.value.ready:
        delivery = _store(path, wanted, call, answer.value.sha256)
    else:
        delivery = FetchResult(message=answer.value.message or "The vendor has no file yet.")
    return Answer(delivery, answer.http_status, answer.rate)


@contextlib.contextmanager
def _incoming(call: VendorCall) -> Iterator[Path]:
    """A file of our own name for the download of this call, gone at the end."""
    folder = Path(settings.AGENT_LOG_INCOMING)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{call.pk}.part"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _store(path: Path, wanted: AgentLog, call: VendorCall, sha256: str) -> FetchResult:
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            entries = read_directory(file)
    except BadArchive as flaw:
        return FetchResult(f"The vendor's file cannot be opened: {flaw}", True, "", size, sha256)
    with path.open("rb") as file:
        name = storage().save(_stored_name(wanted, call), File(file))
    return FetchResult("", False, name, size, sha256, len(entries))


def _stored_name(wanted: AgentLog, call: VendorCall) -> str:
    """Our own name; it names the call, so that what a dead worker stored can be found."""
    return f"{wanted.uuid.hex}-{call.pk}.zip"


# ── Settling ────────────────────────────────────────────────────────────────────────────────────


def settle(call: VendorCall, wanted: AgentLog, delivery: FetchResult, *, in_time: bool) -> None:
    """Write what the call led to, unless the log has been moved or asked for again since."""
    row = AgentLog.objects.select_for_update(of=("self",)).filter(pk=wanted.pk, call=call).first()
    if row is None or row.status not in LOG_OPEN or not in_time:
        forget(delivery.stored_as)
        return
    moment = clock.now()
    if delivery.stored_as:
        kept = {
            "stored_as": delivery.stored_as,
            "files": delivery.files,
            "stored_at": moment,
            "keep_until": moment + timedelta(days=settings.AGENT_LOG_KEEP_DAYS),
        }
        move(row, S.READY, moment, size=delivery.size, sha256=delivery.sha256, message="", **kept)
    elif delivery.final:
        size = delivery.size or None
        move(
            row, S.FAILED, moment, message=delivery.message[:500], size=size, sha256=delivery.sha256
        )
    else:
        _retry_later(row, moment, delivery.message)


def requeue(call: VendorCall, wanted: AgentLog, error: VendorError) -> None:
    """No usable answer: ask again, unless the vendor refused the call as such."""
    row = AgentLog.objects.select_for_update(of=("self",)).filter(pk=wanted.pk, call=call).first()
    if row is None or row.status not in LOG_OPEN:
        return
    moment = clock.now()
    if isinstance(error, Rejected):
        move(row, S.FAILED, moment, message=str(error)[:500])
    elif isinstance(error, (RetryLater, Unauthorized)):
        # It was not asked at all; the brakes of the line see to it that this is not at once.
        AgentLog.objects.filter(pk=row.pk).update(due_at=moment, message=str(error)[:500])
    else:
        _retry_later(row, moment, str(error))


def on_call_lost(call: VendorCall) -> None:
    """Ask again at once, and leave nothing of what the dead worker may have stored."""
    row = AgentLog.objects.filter(call=call, open=True).first()
    if row is not None:
        forget(_stored_name(row, call))
        AgentLog.objects.filter(pk=row.pk).update(due_at=clock.now())


def _retry_later(row: AgentLog, moment: datetime, said: str) -> None:
    changes = {
        "due_at": moment + _interval(row, moment),
        "lane": Lane.REPORTS,
        "message": said[:500],
    }
    move(row, S.WAITING, moment, **changes)


def _interval(row: AgentLog, moment: datetime) -> timedelta:
    """How long to wait after so many attempts; short while somebody looks on."""
    first = max(1.0, settings.AGENT_LOG_FIRST_POLL)
    if row.viewed_until and row.viewed_until > moment:
        return timedelta(seconds=first / 3)
    grown = first * GROWTH ** min(row.attempts, 50)
    return timedelta(seconds=min(grown, settings.AGENT_LOG_MAX_INTERVAL))


def max_interval() -> timedelta:
    """No log is due further ahead than this."""
    return timedelta(seconds=max(settings.AGENT_LOG_MAX_INTERVAL, settings.AGENT_LOG_FIRST_POLL))


def sweep(moment: datetime) -> None:
    """End what is past its time: the asking, the keeping, and downloads that nobody finished."""
    _expire(moment)
    for row in AgentLog.objects.filter(keep_until__lte=moment, status=S.READY)[:100]:
        remove(row, moment)
    folder = Path(settings.AGENT_LOG_INCOMING)
    oldest = (moment - 2 * window.lease()).timestamp()
    for part in folder.glob("*.part") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if part.stat().st_mtime < oldest:
                part.unlink()


@transaction.atomic
def _expire(moment: datetime) -> None:
    """Give up the logs whose deadline has passed; one that is in a call may still come."""
    late = AgentLog.objects.filter(open=True, deadline__lte=moment)
    for row in late.exclude(call__state=CallState.SENDING).select_related("command")[:100]:
        said = row.message or "The vendor was not asked in time."
        move(row, S.EXPIRED, moment, message=said, lane=Lane.REPORTS)


@transaction.atomic
def remove(row: AgentLog, moment: datetime) -> None:
    """Remove the file of a log; its record stays."""
    if move(row, S.REMOVED, moment, stored_as="", keep_until=None):
        forget(row.stored_as)
