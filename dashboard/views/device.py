"""One device: what is known of it, what may be done now, what was done."""

import json
from typing import Any
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
from actions.inventory import refresh as looks
from dashboard.access import actor_of, submitter_required
from dashboard.http import DashboardRequest, read_text, wants_part

TABS = {"commands": "Commands", "audit": "Audit", "raw": "Raw record"}


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device(request: DashboardRequest, key: int) -> HttpResponse:
    """Show the device; htmx asks this same URL for the live part alone."""
    found = detail.find(key)
    if found is None:
        raise Http404("There is no such device.")
    tab = request.GET.get("tab", "commands")
    tab = tab if tab in TABS else "commands"
    if tab == "audit" and not request.user.rights.reads_audit:
        raise PermissionDenied("Your role cannot read the audit trail.")
    part = wants_part(request, "device-live")
    return render(
        request, "device/_live.html" if part else "device/page.html", _card(request, found, tab)
    )


def _card(request: DashboardRequest, found: Any, tab: str) -> dict[str, Any]:
    addresses = detail.macs_of(found)
    commands = detail.latest_commands(found, addresses)
    look = getattr(found, "refresh", None)
    is_looking = look is not None and look.due_at is not None
    return {
        "nav": "devices",
        "device": found,
        "macs": addresses,
        "commands": commands,
        "last": commands[0] if commands else None,
        "exemption": detail.current_exemption(found, commands),
        "choices": detail.action_choices(found, actor_of(request).role),
        "may_act": bool(request.user.rights.kinds),
        "look": look,
        "is_looking": is_looking,
        "pause": 1 if is_looking else 3 if detail.is_waiting(commands) else 20,
        "tab": tab,
        "tabs": _tabs(request),
        "events": _events(found, addresses, commands) if tab == "audit" else (),
        "reads_logs": request.user.rights.reads_logs,
        "raw": _raw(found) if tab == "raw" else "",
    }


def _events(found: Any, addresses: list[str], commands: list[Any]) -> list[Any]:
    wishes = {command.request for command in commands}
    return audit.of_device([found.vendor_id, *addresses], wishes)


def _tabs(request: DashboardRequest) -> list[dict[str, Any]]:
    reads = request.user.rights.reads_audit
    return [
        {"name": name, "label": label, "allowed": name != "audit" or reads}
        for name, label in TABS.items()
    ]


def _raw(found: Any) -> str:
    """The vendor's own words, a line for each; every odd character stays escaped."""
    kept = getattr(found, "snapshot", None)
    return json.dumps(json.loads(kept.record), indent=2, sort_keys=True) if kept else ""


@require_POST
@submitter_required
def refresh_device(request: DashboardRequest, key: int) -> HttpResponse:
    """Have the vendor asked for this device before all others; the answer comes to the page."""
    found = detail.find(key)
    if found is None:
        raise Http404("There is no such device.")
    asked = looks.refresh(found, actor_of(request))
    if request.htmx:
        tab = request.GET.get("tab", "commands")
        card = _card(request, detail.find(key), tab if tab in TABS else "commands")
        return render(request, "device/_live.html", card)
    messages.info(request, "The vendor is being asked." if asked else "It has just been asked.")
    return redirect("device", key=key)


@require_GET
def find_device(request: DashboardRequest) -> HttpResponse:
    """Go straight to the one device that was meant, or else to the list of what matches."""
    search = read_text(request.GET.get("q"), most=MAX_SEARCH_LENGTH)
    found = detail.find_by_search(search) if search else None
    if found is not None:
        return redirect("device", key=found.pk)
    return redirect(f"{reverse('devices')}?{urlencode({'q': search})}" if search else "devices")
