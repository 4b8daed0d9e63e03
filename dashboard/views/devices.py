"""The device list, the number of its devices, and the selection of devices."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from actions.catalog import KINDS
from actions.devices import filters as device_filters
from actions.devices import pagination
from actions.devices.pagination import DevicePage
from actions.devices.query import parse_device_query, raise_for_problems, with_excluded
from actions.errors import Refused
from actions.inventory import selectors as inventory
from actions.selections import choose
from dashboard.access import actor_of, submitter_required
from dashboard.device_list import saved_views
from dashboard.device_list.columns import COLUMNS, NAME, chosen_columns
from dashboard.device_list.state import (
    MENUS,
    MORE,
    TYPED,
    DeviceListState,
    device_list_url,
    read_list_query,
)
from dashboard.exports import FORMATS
from dashboard.http import DashboardRequest, read_keys, wants_part
from dashboard.printable import printable

EVERYTHING = "all=1"
"""Query that a selection of all devices stores; an empty query means ticked rows."""


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device_list(request: DashboardRequest) -> HttpResponse:
    """List devices; the URL holds query, order and page."""
    state = DeviceListState.read(request.GET)
    page = _page(request, state)
    columns = chosen_columns(request.user.device_columns)
    context = {
        "nav": "devices",
        "list_state": state,
        "page": page,
        "columns": columns,
        "heads": [
            (column, state.direction(column.key), state.sort_url(column.key))
            for column in (NAME, *columns)
        ],
        "sync": None if page.devices or state.device_query.as_url() else inventory.latest_sync(),
        "may_act": bool(request.user.rights.kinds),
        "role_limit": _limit_to_show(request.user.rights.max_devices),
        "typed": state.filters({}, TYPED),
        "formats": [(form, label) for form, (label, _, _) in FORMATS.items()],
        **state.pager(page),
    }
    if wants_part(request, "device-list"):
        response = render(request, "devices/_list_response.html", context)
        if request.htmx.current_url_abs_path != device_list_url(state.query):
            response["HX-Push-Url"] = device_list_url(state.query)
        return response
    return render(request, "devices/page.html", context | _page_context(request, state))


@require_GET
def device_count(request: DashboardRequest) -> HttpResponse:
    """Show the exact number of matching devices; the page requests it after it has loaded."""
    state = DeviceListState.read(request.GET)
    query = state.device_query
    count = None if query.problems else device_filters.count_devices(query)
    return render(request, "devices/_count.html", {"list_state": state, "count": count})


@require_POST
@submitter_required
def choose_devices(request: DashboardRequest) -> HttpResponse:
    """Store a selection, of the ticked rows or of all matches except the unticked, and compose."""
    device_query = request.POST.get("device_query", "")
    try:
        if request.POST.get("all"):
            parsed = parse_device_query(device_query)
            raise_for_problems(parsed)
            query = with_excluded(parsed.as_url(), _keys(request, "unticked"))
            found, query = device_filters.matching(query), query or EVERYTHING
        else:
            query, keys = "", [*_keys(request, "device"), *_keys(request, "carried")]
            found = inventory.with_keys(keys)
        selection = choose.choose_devices(found, actor_of(request), query=query)
    except Refused as refusal:
        messages.error(request, printable(refusal))
        url = device_list_url(DeviceListState.read_text(device_query).query)
        return HttpResponseRedirect(url, status=303)
    kind = request.POST.get("kind", "")
    fields = {"selection": str(selection.uuid)} | ({"kind": kind} if kind in KINDS else {})
    if back := read_list_query(request.POST.get("back", "")):
        fields["back"] = back
    return HttpResponseRedirect(f"{reverse('compose')}?{urlencode(fields)}", status=303)


def _page(request: DashboardRequest, state: DeviceListState) -> DevicePage:
    """Return the page that the URL asks for; empty if the query has problems."""
    if state.device_query.problems:
        return DevicePage([], state.order)
    found, get = device_filters.filter_devices(state.device_query), request.GET.get
    if get("page") == "last":
        return pagination.page_before(found, state.order, state.size, None)
    if before := pagination.parse_cursor(get("before", ""), state.order):
        return pagination.page_before(found, state.order, state.size, before)
    after = pagination.parse_cursor(get("after", ""), state.order)
    return pagination.page_after(found, state.order, state.size, after)


def _page_context(request: DashboardRequest, state: DeviceListState) -> dict[str, Any]:
    """Return the context of what surrounds the list, which htmx does not replace."""
    choices = device_filters.offered_values()
    chosen = {column.key for column in chosen_columns(request.user.device_columns)}
    return {
        "menus": state.filters(choices, MENUS),
        "more": state.filters({}, MORE),
        "views": saved_views.visible_to(request.user),
        "all_columns": [(column, column.key in chosen) for column in COLUMNS.values()],
    }


def _keys(request: DashboardRequest, name: str) -> list[int]:
    return read_keys(part for text in request.POST.getlist(name) for part in text.split(","))


def _limit_to_show(max_devices: int) -> int:
    """Return the limit of the role, or 0 if it is too high to be reached by ticking rows."""
    return max_devices if max_devices < 1000 else 0
