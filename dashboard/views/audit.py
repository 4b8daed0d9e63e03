"""The audit trail: the list with its query, and one line with its details."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.action_requests.states import CommandStatus
from actions.audit import selectors as audit
from actions.audit.query import AuditQuery, parse_audit_query
from actions.catalog import KINDS
from actions.trail.verbs import Verb
from dashboard.access import audit_reader_required
from dashboard.http import DashboardRequest, read_int, wants_part

PAGE_SIZE = 50
MAX_NUMBER = 10**10 - 1

CHIPS = {
    "q": "“{}”",
    "device": "device {}",
    "person": "by {}",
    "verb": "{}",
    "kind": "{}",
    "outcome": "outcome {}",
    "source": "from {}",
    "request": "request {:.8}",
    "call": "call #{}",
    "http_request_id": "HTTP request {:.8}",
    "since": "from {}",
    "until": "until {}",
}
"""The text of the chip of each filter."""


@require_GET
@audit_reader_required
@vary_on_headers("HX-Request", "HX-Target")
def audit_list(request: DashboardRequest) -> HttpResponse:
    """List audit lines, newest first; the URL holds the whole query."""
    query = parse_audit_query(request.GET)
    before = read_int(request.GET.get("before"), default=0, high=MAX_NUMBER) or None
    found = [] if query.problems else audit.listed(query, before=before, size=PAGE_SIZE + 1)
    more = len(found) > PAGE_SIZE
    context = {
        "nav": "audit",
        "events": found[:PAGE_SIZE],
        "query": query,
        "problems": query.problems,
        "chips": _chips(query),
        "devices": audit.device_keys(query.device) if query.device else [],
        "most_devices": audit.MAX_DEVICES,
        "next_url": _url({**query.values, "before": found[PAGE_SIZE - 1].pk}) if more else "",
        "first_url": _url(query.values) if before else "",
    }
    if wants_part(request, "audit-list"):
        return render(request, "audit/_list.html", context)
    return render(request, "audit/list.html", context | _choices())


def _choices() -> dict[str, Any]:
    return {
        "kinds": [(kind.name, kind.label) for kind in KINDS.values()],
        "verbs": Verb.choices,
        "outcomes": CommandStatus.choices,
    }


def _chips(query: AuditQuery) -> list[dict[str, str]]:
    return [
        {"text": CHIPS[name].format(value), "url": _url(query.without(name).values), "name": name}
        for name, value in query.values.items()
    ]


def _url(values: dict[str, Any]) -> str:
    return "?" + urlencode(values)


@require_GET
@audit_reader_required
def audit_event(request: DashboardRequest, number: int) -> HttpResponse:
    """Show one line with its details and links to related lines."""
    event = audit.event(number) if number <= MAX_NUMBER else None
    if event is None:
        raise Http404("There is no such record.")
    context = {
        "nav": "audit",
        "event": event,
        "params": event.data.get("params"),
        "problems": event.data.get("problems") or {},
        "devices": audit.named_devices(event),
        "details": audit.other_details(event),
        **audit.linked(event),
    }
    return render(request, "audit/event.html", context)
