"""The page of one device: its data, the possible actions and its history."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from actions.audit import selectors as audit
from actions.devices import detail
from actions.devices.query import MAX_SEARCH_LENGTH
from actions.inventory import refresh
from dashboard.access import actor_of, submitter_required
from dashboard.http import DashboardRequest, read_text, wants_part

if TYPE_CHECKING:
    from actions.action_requests.models import DeviceCommand
    from actions.inventory.models import Device
    from actions.trail.models import AuditEvent

TABS = {"commands": "Commands", "audit": "Audit", "raw": "Raw record"}


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device(request: DashboardRequest, key: int) -> HttpResponse:
    """Show the device; htmx requests the live part under the same URL."""
    found = _find(key)
    tab = request.GET.get("tab", "commands")
    tab = tab if tab in TABS else "commands"
    if tab == "audit" and not request.user.rights.reads_audit:
        raise PermissionDenied("Your role cannot read the audit trail.")
    part = wants_part(request, "device-live")
    return render(
        request, "device/_live.html" if part else "device/page.html", _context(request, found, tab)
    )


def _find(key: int) -> "Device":
    found = detail.find(key)
    if found is None:
        raise Http404("There is no such device.")
    return found


def _context(request: DashboardRequest, found: "Device", tab: str) -> dict[str, Any]:
    addresses = detail.macs_of(found)
    commands = detail.latest_commands(found, addresses)
    last_refresh = getattr(found, "refresh", None)
    is_refreshing = last_refresh is not None and last_refresh.due_at is not None
    return {
        "nav": "devices",
        "device": found,
        "macs": addresses,
        "commands": commands,
        "last": commands[0] if commands else None,
        "exemption": detail.current_exemption(found, commands),
        "choices": detail.action_choices(found, actor_of(request).role),
        "may_act": bool(request.user.rights.kinds),
        "refresh": last_refresh,
        "is_refreshing": is_refreshing,
        "pause": 1 if is_refreshing else 3 if detail.is_waiting(commands) else 20,
        "tab": tab,
        "tabs": _tabs(request),
        "events": _events(found, addresses, commands) if tab == "audit" else (),
        "reads_logs": request.user.rights.reads_logs,
        "raw": _raw(found) if tab == "raw" else "",
    }


def _events(
    found: "Device", addresses: list[str], commands: list["DeviceCommand"]
) -> list["AuditEvent"]:
    action_requests = {command.request for command in commands}
    return audit.of_device([found.vendor_id, *addresses], action_requests)


def _tabs(request: DashboardRequest) -> list[dict[str, Any]]:
    reads = request.user.rights.reads_audit
    return [
        {"name": name, "label": label, "allowed": name != "audit" or reads}
        for name, label in TABS.items()
    ]


def _raw(found: "Device") -> str:
    """Return the vendor's record as indented JSON, all non-ASCII characters escaped."""
    snapshot = getattr(found, "snapshot", None)
    return json.dumps(json.loads(snapshot.record), indent=2, sort_keys=True) if snapshot else ""


@require_POST
@submitter_required
def refresh_device(request: DashboardRequest, key: int) -> HttpResponse:
    """Request an urgent refresh of this device; the page shows the result when it arrives."""
    found = _find(key)
    queued = refresh.refresh(found, actor_of(request))
    if request.htmx:
        tab = request.GET.get("tab", "commands")
        context = _context(request, _find(key), tab if tab in TABS else "commands")
        return render(request, "device/_live.html", context)
    messages.info(
        request, "Refreshing this device." if queued else "This device was refreshed a moment ago."
    )
    return redirect("device", key=key)


@require_GET
def find_device(request: DashboardRequest) -> HttpResponse:
    """Redirect to the only device that matches, otherwise to the list of matches."""
    search = read_text(request.GET.get("q"), max_length=MAX_SEARCH_LENGTH)
    found = detail.find_by_search(search) if search else None
    if found is not None:
        return redirect("device", key=found.pk)
    return redirect(f"{reverse('devices')}?{urlencode({'q': search})}" if search else "devices")
