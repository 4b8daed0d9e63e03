"""What retention removes next, and what it removed last, for the page *Storage*."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Min

from actions.action_requests.models import ActionRequest
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_STORED
from actions.audit.archive_files import archive_files
from actions.audit.models import AuditJob
from actions.inventory.models import Device, InventorySync
from actions.ratelimit.models import VendorCall
from actions.retention.models import RetentionCount, RetentionLease
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb


@dataclass(frozen=True, slots=True)
class Outlook:
    """One kind of thing: its days (0 keeps all), its oldest, and what was removed last."""

    label: str
    setting: str
    days: float
    oldest: datetime | None
    removed: int = 0
    removed_at: datetime | None = None

    @property
    def goes_at(self) -> datetime | None:
        """The time from which the oldest may go, if nothing needs it; None if it stays."""
        return self.oldest + timedelta(days=self.days) if self.oldest and self.days > 0 else None


@dataclass(frozen=True, slots=True)
class LastRun:
    """When retention ran last, whether it runs now, and why it removed less than it should."""

    running: bool
    at: datetime | None
    problem: str


def last_run() -> LastRun:
    """Return what is known of the last run."""
    row = RetentionLease.objects.first() or RetentionLease()
    return LastRun(bool(row.holder), row.started_at if row.holder else row.ended_at, row.problem)


def outlooks() -> list[Outlook]:
    """Return what goes next, of each kind."""
    archived = AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED).order_by("-pk")
    last = archived.values_list("data__lines", "at").first() or (0, None)
    return [
        *_engine_rows(),
        _outlook("Gone devices", "GONE_DEVICES_KEEP_DAYS", _oldest_gone(), "devices"),
        _outlook("Files of agent logs", "AGENT_LOG_KEEP_DAYS", _oldest_log()),
        Outlook(
            *("Audit trail, into archives", "AUDIT_KEEP_DAYS", settings.AUDIT_KEEP_DAYS),
            *(AuditEvent.objects.order_by("pk").values_list("at", flat=True).first(), *last),
        ),
        _outlook("Files of archives", "AUDIT_ARCHIVE_KEEP_DAYS", _oldest_archive(), "archives"),
    ]


def _engine_rows() -> Iterator[Outlook]:
    """The oldest of each is the first by its key."""
    for label, setting, name, rows, column in (
        ("Requests with commands", "REQUESTS_KEEP_DAYS", "requests", ActionRequest, "created_at"),
        ("Vendor calls", "CALLS_KEEP_DAYS", "calls", VendorCall, "claimed_at"),
        ("Reads of the inventory", "CALLS_KEEP_DAYS", "reads", InventorySync, "started_at"),
        ("Checks and exports", "AUDIT_JOBS_KEEP_DAYS", "jobs", AuditJob, "ended_at"),
    ):
        oldest = rows._default_manager.order_by("pk").values_list(column, flat=True).first()
        yield _outlook(label, setting, oldest, name)


def _outlook(label: str, setting: str, oldest: datetime | None, name: str = "") -> Outlook:
    row = RetentionCount.objects.filter(name=name).first() or RetentionCount()
    return Outlook(label, setting, getattr(settings, setting), oldest, row.removed, row.told_at)


def _oldest_gone() -> datetime | None:
    gone = Device.objects.filter(gone_at__isnull=False)
    found: datetime | None = gone.aggregate(at=Min("gone_at"))["at"]
    return found


def _oldest_log() -> datetime | None:
    logs = AgentLog.objects.filter(keep_until__isnull=False, status__in=LOG_STORED)
    found: datetime | None = logs.aggregate(at=Min("stored_at"))["at"]
    return found


def _oldest_archive() -> datetime | None:
    files = [path.stat().st_mtime for path in archive_files()]
    return datetime.fromtimestamp(min(files), UTC) if files else None
