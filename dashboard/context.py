"""What every page shows around its own content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from actions.roles import RIGHTS
from actions.selectors import action_requests, budget
from dashboard.models import User
from dashboard.texts import shown

PLACES = (
    ("overview", "Overview", "layout-dashboard"),
    ("devices", "Devices", "monitor"),
    ("action_requests", "Requests", "list-checks"),
    ("vendor_calls", "Vendor calls", "gauge"),
    ("audit", "Audit", "scroll-text"),
)


def console(request: HttpRequest) -> dict[str, Any]:
    """The navigation, the simulator's notice and what everybody must know now."""
    context: dict[str, Any] = {
        "simulator": settings.SIMULATED,
        "request_id": getattr(request, "id", ""),
    }
    user = getattr(request, "user", None)
    if not isinstance(user, User) or request.headers.get("HX-Request"):
        return context
    return context | {"nav_entries": _entries(user), "notices": _notices()}


def _entries(user: User) -> list[dict[str, Any]]:
    rights = RIGHTS[user.rank]
    return [
        {
            "name": name,
            "url": reverse(name),
            "label": label,
            "icon": icon,
            "count": action_requests.running_count() if name == "action_requests" else 0,
            "allowed": name != "audit" or rights.reads_audit,
            "reason": f"The role {user.rank.label} does not read the audit trail.",
        }
        for name, label, icon in PLACES
    ]


def _notices() -> list[dict[str, str]]:
    minute = budget.minute()
    notices = []
    if minute.frozen:
        notices.append(
            {
                "level": "danger",
                "title": "Sending is frozen.",
                "text": shown(minute.frozen_reason),
                "url": reverse("vendor_calls"),
            }
        )
    if minute.blocked_for > 0:
        notices.append(
            {
                "level": "warning",
                "title": f"Sending pauses for {minute.blocked_for:.0f} s.",
                "text": shown(minute.blocked_reason),
                "url": reverse("vendor_calls"),
            }
        )
    if not budget.worker_seen() and action_requests.oldest_waiting_seconds() > 30:
        notices.append(
            {
                "level": "danger",
                "title": "No worker has been seen for a minute.",
                "text": "Queued devices are kept and will be sent once a worker runs.",
                "url": reverse("vendor_calls"),
            }
        )
    return notices
