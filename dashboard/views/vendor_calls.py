"""The rate limit, the queue and the calls to the vendor."""

from collections import Counter
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.action_requests import in_doubt
from actions.catalog import KINDS
from actions.dispatch import selectors as dispatch
from actions.dispatch.forecast import lane_backlogs
from dashboard.http import DashboardRequest, read_int, wants_part

PAGE_SIZE = 50


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def vendor_calls(request: DashboardRequest) -> HttpResponse:
    """Show the slots in use, the queue and the latest calls."""
    before = read_int(request.GET.get("before"), default=0) or None
    found = dispatch.latest_calls(PAGE_SIZE + 1, before)
    minute = dispatch.window_stats()
    context = {
        "nav": "vendor_calls",
        "minute": minute,
        "queue": lane_backlogs(),
        "calls": found[:PAGE_SIZE],
        "next_url": f"?before={found[PAGE_SIZE - 1].pk}" if len(found) > PAGE_SIZE else "",
        "first_url": "?" if before else "",
    }
    if wants_part(request, "calls-live"):
        return render(request, "vendor_calls/_live.html", context)
    context |= _chart(minute.limit)
    context["in_doubt"] = in_doubt.by_kind() if minute.restored else []
    context["may_freeze"] = request.user.rights.controls_engine
    return render(request, "vendor_calls/page.html", context)


@require_GET
def devices_in_doubt(request: DashboardRequest) -> HttpResponse:
    """List the devices that a restore of the database put in doubt."""
    before = read_int(request.GET.get("before"), default=0) or None
    kind = KINDS.get(request.GET.get("kind", ""))
    name = kind.name if kind else ""
    found = in_doubt.listed(kind=name, before=before, size=PAGE_SIZE + 1)
    query = f"?kind={name}&" if name else "?"
    context = {
        "nav": "vendor_calls",
        "kind": kind,
        "commands": found[:PAGE_SIZE],
        "next_url": f"{query}before={found[PAGE_SIZE - 1].pk}" if len(found) > PAGE_SIZE else "",
        "first_url": query.rstrip("&") if before else "",
    }
    return render(request, "vendor_calls/in_doubt.html", context)


def _chart(limit: int) -> dict[str, Any]:
    """Return the calls of the last 24 hours: per minute for the chart, per hour for the table."""
    minutes = dispatch.per_minute()
    highest = max([limit, *(minute.total for minute in minutes)])
    good: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for minute in minutes:
        good[23 - minute.place // 60] += minute.good
        bad[23 - minute.place // 60] += minute.bad
    return {
        "chart": [(minute, highest + 1 - minute.total) for minute in minutes],
        "chart_height": highest + 1,
        "chart_line": highest + 1 - limit,
        "chart_most": max((minute.total for minute in minutes), default=0),
        "hours": [(ago, good[ago] + bad[ago], bad[ago]) for ago in range(24)],
    }
