"""Find devices, count them, choose them."""

from typing import Any

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
from actions.devices.query import parse_device_query, with_excluded
from actions.errors import Refused
from actions.inventory import selectors as inventory
from actions.selections import choose
from dashboard.access import actor_of, submitter_required
from dashboard.device_list import saved_views
from dashboard.device_list.columns import COLUMNS, NAME, chosen_columns
from dashboard.device_list.state import MENUS, MORE, TYPED, DeviceListState, device_list_url
from dashboard.exports import FORMATS
from dashboard.http import DashboardRequest, read_keys, wants_part
from dashboard.printable import printable

EVERYTHING = "all=1"
"""What a selection of all devices keeps as its device_query: a text, as none means ticked rows."""


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def device_list(request: DashboardRequest) -> HttpResponse:
    """List devices; the address holds the whole view."""
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
        "role_limit": _told_limit(request.user.rights.max_devices),
        "typed": state.filters({}, TYPED),
        "formats": [(form, label) for form, (label, _, _) in FORMATS.items()],
        **state.pager(page),
    }
    if wants_part(request, "device-list"):
        answer = render(request, "devices/_list_response.html", context)
        if request.htmx.current_url_abs_path != device_list_url(state.query):
            answer["HX-Push-Url"] = device_list_url(state.query)
        return answer
    return render(request, "devices/page.html", context | _around(request, state))


@require_GET
def device_count(request: DashboardRequest) -> HttpResponse:
    """Say exactly how many devices match; asked for once the page is there."""
    state = DeviceListState.read(request.GET)
    count = (
        None if state.device_query.problems else device_filters.count_devices(state.device_query)
    )
    return render(request, "devices/_count.html", {"list_state": state, "count": count})


@require_POST
@submitter_required
def choose_devices(request: DashboardRequest) -> HttpResponse:
    """Freeze what is ticked, or all that match less what was unticked, and go on to Compose."""
    device_query = request.POST.get("device_query", "")
    try:
        if request.POST.get("all"):
            asked = with_excluded(
                parse_device_query(device_query).as_url(), _keys(request, "unticked")
            )
            found, asked = device_filters.matching(asked), asked or EVERYTHING
        else:
            asked, keys = "", [*_keys(request, "device"), *_keys(request, "carried")]
            found = inventory.with_keys(keys)
        selection = choose.choose_devices(found, actor_of(request), query=asked)
    except Refused as refusal:
        messages.error(request, printable(refusal))
        url = device_list_url(DeviceListState.read_text(device_query).query)
        return HttpResponseRedirect(url, status=303)
    kind = request.POST.get("kind", "")
    query = f"selection={selection.uuid}" + (f"&kind={kind}" if kind in KINDS else "")
    return HttpResponseRedirect(f"{reverse('compose')}?{query}", status=303)


def _page(request: DashboardRequest, state: DeviceListState) -> DevicePage:
    """The page that the address asks for; a misread device_query has none."""
    if state.device_query.problems:
        return DevicePage([], state.order)
    found, get = device_filters.filter_devices(state.device_query), request.GET.get
    if get("page") == "last":
        return pagination.page_before(found, state.order, state.size, None)
    if before := pagination.parse_cursor(get("before", ""), state.order):
        return pagination.page_before(found, state.order, state.size, before)
    after = pagination.parse_cursor(get("after", ""), state.order)
    return pagination.page_after(found, state.order, state.size, after)


def _around(request: DashboardRequest, state: DeviceListState) -> dict[str, Any]:
    """What stands around the list, and stays when only the list is asked for."""
    choices = device_filters.offered_values()
    shown = {column.key for column in chosen_columns(request.user.device_columns)}
    return {
        "menus": state.filters(choices, MENUS),
        "more": state.filters({}, MORE),
        "views": saved_views.visible_to(request.user),
        "all_columns": [(column, column.key in shown) for column in COLUMNS.values()],
    }


def _keys(request: DashboardRequest, name: str) -> list[int]:
    return read_keys(part for text in request.POST.getlist(name) for part in text.split(","))


def _told_limit(most: int) -> int:
    """The limit of a role where somebody could meet it by choosing; 0 where nobody will."""
    return most if most < 1000 else 0
