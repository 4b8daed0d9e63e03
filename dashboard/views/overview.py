"""The overview: rate limit, queue, latest requests, and requests that need attention."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.action_requests import activity
from actions.action_requests import selectors as action_requests
from actions.dispatch import selectors as dispatch
from actions.dispatch.forecast import lane_backlogs
from actions.inventory import selectors as inventory
from dashboard.http import DashboardRequest, wants_part


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def overview(request: DashboardRequest) -> HttpResponse:
    """Show the overview; htmx requests the live part under the same URL."""
    newest = action_requests.newest(8)
    progress = action_requests.progress_of(newest)
    context = {
        "nav": "overview",
        "minute": dispatch.window_stats(),
        "queue": lane_backlogs(),
        "newest": [(action_request, progress[action_request.pk]) for action_request in newest],
        "waiting_for_you": activity.needing_attention(5),
        "states": inventory.by_status(),
    }
    part = wants_part(request, "overview-live")
    return render(request, "overview/_live.html" if part else "overview/page.html", context)
