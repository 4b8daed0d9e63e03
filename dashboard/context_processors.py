"""Template context of every page: the navigation and the notices."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from actions import free_disk
from actions.action_requests import activity
from actions.action_requests import selectors as action_requests
from actions.dispatch import selectors as dispatch
from actions.dispatch.selectors import SendingStatus
from actions.ratelimit.states import PauseCause
from dashboard.models import User
from dashboard.printable import printable

NAVIGATION = (
    ("overview", "Overview", "layout-dashboard"),
    ("devices", "Devices", "monitor"),
    ("action_requests", "Requests", "list-checks"),
    ("agent_logs", "Agent logs", "file-text"),
    ("vendor_calls", "Vendor calls", "gauge"),
    ("audit", "Audit", "scroll-text"),
    ("storage", "Storage", "server"),
)
"""The pages of the navigation: URL name, label, icon."""

LATE_AFTER = 30
"""Seconds that a queued command waits before a missing worker is reported."""

Notice = dict[str, str]

_RESUMES = "Nothing is lost: one call at a time tests it, after pauses of up to a minute."

_STOPPED: dict[PauseCause, tuple[str, str]] = {
    PauseCause.CREDENTIALS: (
        "The vendor does not accept this console's credentials.",
        (
            "Nothing is sent, nothing is lost. Check OPSWAT_CLIENT_ID and OPSWAT_CLIENT_SECRET "
            "against the vendor's OAuth portal. If they were wrong, restart the console; if they "
            "are right, sending resumes automatically when the vendor accepts them."
        ),
    ),
    PauseCause.SIGN_IN: (
        "",
        f"No call can be made without a token. {_RESUMES} If it lasts, check OPSWAT_BASE_URL.",
    ),
    PauseCause.TOKEN: (
        "The vendor refuses the token that its sign-in service has just given.",
        f"{_RESUMES} If it lasts, check the application in the vendor's OAuth portal.",
    ),
    PauseCause.REFUSED: (
        "The vendor, or a gateway in front of it, refuses this console's calls.",
        f"{_RESUMES} If it lasts, ask who runs the gateway, or freeze sending.",
    ),
}
"""Title (the reason, where it is empty) and advice, by what stops sending."""


def console(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation and the notices; a fragment needs neither."""
    context: dict[str, Any] = {
        "simulator": settings.SIMULATED,
        "request_id": getattr(request, "id", ""),
    }
    user = getattr(request, "user", None)
    if not isinstance(user, User) or request.headers.get("HX-Request"):
        return context
    return context | {"nav_entries": _entries(user), "notices": _notices()}


def _entries(user: User) -> list[dict[str, Any]]:
    role, rights = user.get_role_display(), user.rights
    refusals = {
        "audit": "" if rights.reads_audit else f"The role {role} cannot read the audit trail.",
        "storage": "" if rights.reads_storage else f"The role {role} cannot see the storage.",
        "agent_logs": "" if rights.reads_logs else f"The role {role} cannot read agent logs.",
    }
    return [
        {
            "name": name,
            "url": reverse(name),
            "label": label,
            "icon": icon,
            "count": activity.running_count() if name == "action_requests" else 0,
            "allowed": not refusals.get(name),
            "reason": refusals.get(name, ""),
        }
        for name, label, icon in NAVIGATION
    ]


def _notices() -> list[Notice]:
    status = dispatch.sending_status()
    found = (
        *(_frozen(status), _stopped(status), _paused(status), _background(status)),
        _lower_limit(status),
        _smaller_calls(status),
        _disk(),
    )
    return [notice for notice in found if notice]


def _frozen(status: SendingStatus) -> Notice | None:
    if not status.frozen:
        return None
    reason = printable(status.frozen_reason)
    if not status.restored:
        return _notice("danger", "Sending is frozen.", reason)
    advice = "Nothing is sent until an operator has read what is in doubt and resumes sending."
    title = "Sending is frozen: the database was restored."
    return _notice("danger", title, f"{reason} {advice}") | {"link": "Show what is in doubt"}


def _stopped(status: SendingStatus) -> Notice | None:
    """The notice of trouble that may need a person; it stays until the vendor answers well."""
    if status.cause not in _STOPPED:
        return None
    title, advice = _STOPPED[status.cause]
    reason = printable(status.open_reason)
    return _notice("danger", title or reason, f"{reason if title else ''} {advice}".strip())


def _paused(status: SendingStatus) -> Notice | None:
    if status.cause in _STOPPED or status.paused_for <= 0:
        return None
    title = f"Sending is paused for {status.paused_for:.0f} s."
    return _notice("warning", title, printable(status.open_reason))


def _background(status: SendingStatus) -> Notice | None:
    """The notice of background processes that are missing, by its cause."""
    if status.ticker_problem:
        return _notice(
            "warning",
            status.ticker_problem,
            "Nothing is lost: one process sends meanwhile, and open pages poll. Check Redis.",
        )
    if status.worker_problem:
        return _notice(
            "danger",
            status.worker_problem,
            "Nothing is lost: sending goes on when it is released. Ask who administers the "
            "database to end that session.",
        )
    if status.worker_seen and status.ticker_seen:
        return None
    if action_requests.oldest_waiting_seconds() <= LATE_AFTER:
        return None
    missing = "ticker" if status.worker_seen else "worker"
    return _notice(
        "danger",
        f"No {missing} has been active for a minute.",
        f"Queued devices are kept and are sent when a {missing} runs.",
    )


def _lower_limit(status: SendingStatus) -> Notice | None:
    """The notice of a limit that is set higher than the vendor states it; the lower one is kept."""
    calls = int(settings.OPSWAT_RATE_LIMIT[0])
    if not status.vendor_limit or status.vendor_limit >= calls:
        return None
    return _notice(
        "warning",
        f"The vendor states a limit of {status.vendor_limit} calls.",
        f"OPSWAT_RATE_LIMIT allows {calls}. The lower limit is kept; set it there as well.",
    )


def _disk() -> Notice | None:
    """The notice of a disk that is nearly full, on which nothing large is written."""
    if not free_disk.is_short():
        return None
    return _notice(
        "danger",
        f"Only {free_disk.free_mb():,} MB of disk are free.",
        "No agent log is fetched and no export or archive is written below MIN_FREE_DISK_MB "
        f"({settings.MIN_FREE_DISK_MB:,} MB). Sending goes on. Free space where DATA_DIR lies.",
    )


def _smaller_calls(status: SendingStatus) -> Notice | None:
    """The notice that the vendor takes fewer devices a call than are set."""
    if status.devices_per_call is None:
        return None
    return _notice(
        "warning",
        f"OPSWAT refuses calls of {settings.OPSWAT_MAX_DEVICES} devices.",
        f"Calls carry {status.devices_per_call} for now. "
        "Set OPSWAT_MAX_DEVICES to what OPSWAT accepts.",
    )


def _notice(level: str, title: str, text: str) -> Notice:
    return {"level": level, "title": title, "text": text, "url": reverse("vendor_calls")}
