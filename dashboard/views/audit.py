"""Read the trail."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from actions.selectors import audit
from dashboard.access import audit_reader_required
from dashboard.http import DashboardRequest, read_int, read_text

SIZE = 50


@require_GET
@audit_reader_required
def audit_list(request: DashboardRequest) -> HttpResponse:
    """List what happened, newest first: who, when, what, why and from where."""
    search = read_text(request.GET.get("q"))
    actor = read_text(request.GET.get("actor"), most=150)
    before = read_int(request.GET.get("before"), default=0) or None
    found = audit.listed(search=search, actor=actor, before=before, size=SIZE + 1)
    view = {key: value for key, value in (("q", search), ("actor", actor)) if value}
    more = len(found) > SIZE
    context = {
        "nav": "audit",
        "events": found[:SIZE],
        "search": search,
        "actor": actor,
        "next_url": "?" + urlencode({**view, "before": found[SIZE - 1].pk}) if more else "",
        "first_url": "?" + urlencode(view) if before else "",
    }
    return render(request, "audit/list.html", context)
