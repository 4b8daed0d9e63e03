"""The first page: the minute, what runs, what waits for a person."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.action_requests import activity
from actions.action_requests import selectors as action_requests
from actions.dispatch import selectors as budget
from actions.dispatch.forecast import lane_backlogs
from actions.inventory import selectors as inventory
from dashboard.http import DashboardRequest, wants_part


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def overview(request: DashboardRequest) -> HttpResponse:
    """Show where things stand; htmx asks this same URL for the live part alone."""
    newest = action_requests.newest(8)
    context = {
        "nav": "overview",
        "minute": budget.window_stats(),
        "queue": lane_backlogs(),
        "newest": [(wish, progress) for wish, progress in _with_progress(newest)],
        "waiting_for_you": activity.needing_attention(5),
        "states": inventory.by_status(),
    }
    part = wants_part(request, "overview-live")
    return render(request, "overview/_live.html" if part else "overview/page.html", context)


def _with_progress(newest: list) -> list:  # type: ignore[type-arg]
    progress = action_requests.progress_of(newest)
    return [(wish, progress[wish.pk]) for wish in newest]
