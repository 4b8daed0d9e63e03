"""What every page shows around its own content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from actions.action_requests import activity
from actions.action_requests import selectors as action_requests
from actions.dispatch import selectors as budget
from dashboard.models import User
from dashboard.printable import printable

PLACES = (
    ("overview", "Overview", "layout-dashboard"),
    ("devices", "Devices", "monitor"),
    ("action_requests", "Requests", "list-checks"),
    ("agent_logs", "Agent logs", "file-text"),
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
    rights = user.rights
    closed = {
        "audit": "" if rights.reads_audit else "cannot read the audit trail",
        "agent_logs": "" if rights.reads_logs else "cannot read agent logs",
    }
    return [
        {
            "name": name,
            "url": reverse(name),
            "label": label,
            "icon": icon,
            "count": activity.running_count() if name == "action_requests" else 0,
            "allowed": not closed.get(name),
            "reason": f"The role {user.get_role_display()} {closed.get(name)}.",
        }
        for name, label, icon in PLACES
    ]


def _notices() -> list[dict[str, str]]:
    stops = budget.sending_status()
    notices = []
    if stops.frozen:
        notices.append(
            {
                "level": "danger",
                "title": "Sending is frozen.",
                "text": printable(stops.frozen_reason),
                "url": reverse("vendor_calls"),
            }
        )
    if stops.unauthorized:
        notices.append(
            {
                "level": "danger",
                "title": "The vendor does not accept this console's credentials.",
                "text": "Nothing is sent, nothing is lost. Check OPSWAT_CLIENT_ID and "
                "OPSWAT_CLIENT_SECRET against the vendor's OAuth portal and start the console "
                "anew; if they are right, it goes on by itself once the vendor accepts them.",
                "url": reverse("vendor_calls"),
            }
        )
    elif stops.blocked_for > 0:
        notices.append(
            {
                "level": "warning",
                "title": f"Sending pauses for {stops.blocked_for:.0f} s.",
                "text": printable(stops.open_reason),
                "url": reverse("vendor_calls"),
            }
        )
    if not stops.worker_seen and action_requests.oldest_waiting_seconds() > 30:
        notices.append(
            {
                "level": "danger",
                "title": "No worker has been seen for a minute.",
                "text": "Queued devices are kept and will be sent once a worker runs.",
                "url": reverse("vendor_calls"),
            }
        )
    return notices
