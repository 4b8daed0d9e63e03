"""Find and choose devices."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.roles import RIGHTS
from actions.selectors import devices
from dashboard.http import DashboardRequest, read_int, read_text, wants_part

SIZES = (25, 50, 100, 250)


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device_list(request: DashboardRequest) -> HttpResponse:
    """List devices by search and status; the URL holds the whole view."""
    search = read_text(request.GET.get("q"), most=devices.MAX_SEARCH)
    status = read_text(request.GET.get("status"))
    size = read_int(request.GET.get("size"), default=50)
    size = size if size in SIZES else 50
    number = read_int(request.GET.get("page"), default=1, high=100_000)
    page = devices.page(devices.matching(search=search, status=status), number=number, size=size)
    view = {"q": search, "status": status, "size": size}
    states = devices.by_status()
    context = {
        "nav": "devices",
        "page": page,
        "search": search,
        "status": status,
        "states": states,
        "sync": devices.latest_sync(),
        "may_act": bool(RIGHTS[request.user.rank].kinds),
        "role_limit": _told_limit(RIGHTS[request.user.rank].max_devices),
        "shown": _shown(page, None if search else _total(states, status)),
        **_pager(page, view),
    }
    part = wants_part(request, "device-list")
    return render(request, "devices/_list.html" if part else "devices/page.html", context)


def _told_limit(most: int) -> int:
    """The limit of a role where somebody could meet it by choosing; 0 where nobody will."""
    return most if most < 1000 else 0


def _total(states: list[tuple[str, int]], status: str) -> int:
    return sum(count for value, count in states if status in {"", value})


def _shown(page: devices.DevicePage, total: int | None) -> str:
    """Which devices are on the page, and of how many where that costs no further query."""
    if not page.devices:
        return "none"
    place = f"{page.first:,} to {page.last:,}"
    if total is None:
        return f"{place}, more follow" if page.has_next else place
    return f"{place} of {total:,}"


def _pager(page: devices.DevicePage, view: dict[str, Any]) -> dict[str, Any]:
    def url(**changes: Any) -> str:
        wanted = {key: value for key, value in (view | changes).items() if value}
        return "?" + urlencode(wanted)

    return {
        "previous_url": url(page=page.number - 1) if page.number > 1 else "",
        "next_url": url(page=page.number + 1) if page.has_next else "",
        "sizes": [
            {"label": size, "url": url(size=size), "current": size == page.size} for size in SIZES
        ],
        "first_url": url(),
        "without_search": url(q=""),
        "without_status": url(status=""),
    }
