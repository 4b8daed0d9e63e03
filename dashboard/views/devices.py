"""Find and choose devices."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.roles import RIGHTS
from actions.selectors import devices
from dashboard.http import DashboardRequest, read_int, wants_part

SIZES = (25, 50, 100, 250)


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device_list(request: DashboardRequest) -> HttpResponse:
    """List devices by search and status; the URL holds the whole view."""
    search = request.GET.get("q", "").strip()
    status = request.GET.get("status", "")
    size = read_int(request.GET.get("size"), default=50)
    size = size if size in SIZES else 50
    number = read_int(request.GET.get("page"), default=1, high=100_000)
    page = devices.page(devices.matching(search=search, status=status), number=number, size=size)
    view = {"q": search, "status": status, "size": size}
    context = {
        "nav": "devices",
        "page": page,
        "search": search,
        "status": status,
        "states": devices.by_status(),
        "sync": devices.latest_sync(),
        "may_act": bool(RIGHTS[request.user.rank].kinds),
        "role_limit": RIGHTS[request.user.rank].max_devices,
        **_pager(page, view),
    }
    part = wants_part(request, "device-list")
    return render(request, "devices/_list.html" if part else "devices/page.html", context)


def _pager(page: devices.DevicePage, view: dict[str, Any]) -> dict[str, Any]:
    def url(**changes: Any) -> str:
        wanted = {key: value for key, value in (view | changes).items() if value}
        return "?" + urlencode(wanted)

    return {
        "shown": f"{page.first:,} to {page.last:,}" if page.devices else "nothing",
        "previous_url": url(page=page.number - 1) if page.number > 1 else "",
        "next_url": url(page=page.number + 1) if page.has_next else "",
        "sizes": [
            {"label": size, "url": url(size=size), "current": size == page.size} for size in SIZES
        ],
        "without_search": url(q=""),
        "without_status": url(status=""),
    }
