"""The vendor's minute, and each call made."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.selectors import budget
from dashboard.http import DashboardRequest, read_int, wants_part

SIZE = 50


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def vendor_calls(request: DashboardRequest) -> HttpResponse:
    """Show the slots of the minute, the queue and the latest calls."""
    before = read_int(request.GET.get("before"), default=0) or None
    found = budget.latest_calls(SIZE + 1, before)
    context = {
        "nav": "vendor_calls",
        "minute": budget.minute(),
        "queue": budget.queue(),
        "calls": found[:SIZE],
        "next_url": f"?before={found[SIZE - 1].pk}" if len(found) > SIZE else "",
        "first_url": "?" if before else "",
    }
    part = wants_part(request, "calls-live")
    return render(request, "vendor_calls/_live.html" if part else "vendor_calls/page.html", context)
