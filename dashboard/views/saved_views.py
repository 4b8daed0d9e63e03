"""Saved views, columns and density of the device list, and its export."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from actions.budgets.budget import Budget
from actions.devices import filters, pagination
from actions.errors import Code, NotAllowed, Refused
from actions.trail import trail
from actions.trail.verbs import Verb
from dashboard.access import actor_of, hide, take_from_budget
from dashboard.device_list import saved_views
from dashboard.device_list.columns import COLUMNS, chosen_columns, head_of, row_of
from dashboard.device_list.state import DeviceListState, device_list_url
from dashboard.exports import FORMATS, download
from dashboard.http import DashboardRequest, read_text
from dashboard.models import SavedView, User
from dashboard.printable import printable


@require_GET
def device_view(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Redirect to the list that a saved view names."""
    return redirect(device_list_url(_view(request, token).query))


@require_POST
def save_device_view(request: DashboardRequest) -> HttpResponse:
    """Save the query and order of the list under a name."""
    state = DeviceListState.read_text(request.POST.get("query", ""))
    try:
        view = saved_views.save(
            request.user,
            actor_of(request),
            name=read_text(request.POST.get("name"), max_length=1000),
            query=state.query,
            shared=bool(request.POST.get("shared")),
        )
    except Refused as refusal:
        messages.error(request, printable(refusal))
    else:
        messages.success(request, f"The view “{printable(view)}” is saved.")
    return redirect(device_list_url(state.query))


@require_http_methods(["GET", "POST"])
def change_device_view(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Ask before a view is deleted; share, unshare or delete it."""
    view = _view(request, token)
    if request.method == "GET":
        if view.owner_id != request.user.pk:
            raise PermissionDenied("This view belongs to another person.")
        return render(request, "devices/delete_view.html", {"nav": "devices", "view": view})
    verb = request.POST.get("verb", "")
    try:
        if verb == "drop":
            saved_views.delete(view, request.user, actor_of(request))
        elif verb in {"share", "unshare"}:
            shared = verb == "share"
            saved_views.share(view, request.user, actor_of(request), shared=shared)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    if verb == "drop":
        messages.success(request, f"The view “{printable(view)}” is deleted.")
    return redirect(device_list_url(view.query))


@require_POST
def device_columns(request: DashboardRequest) -> HttpResponse:
    """Store the columns and the density of this user."""
    chosen = request.POST.getlist("column")
    density = request.POST.get("density", "")
    request.user.device_columns = [key for key in COLUMNS if key in chosen]
    if density in User.Density.values:
        request.user.density = density
    request.user.save(update_fields=["device_columns", "density"])
    return redirect(device_list_url(DeviceListState.read_text(request.POST.get("query", "")).query))


@require_POST
def export_devices(request: DashboardRequest) -> HttpResponseBase:
    """Export the list with its filters, order and columns as a file."""
    state = DeviceListState.read_text(request.POST.get("query", ""))
    file_format = request.POST.get("format", "")
    if file_format not in FORMATS or state.device_query.problems:
        messages.error(request, "Choose a format and fix the invalid filters.")
        return redirect(device_list_url(state.query))
    take_from_budget(request, Budget.EXPORTS)
    columns = chosen_columns(request.user.device_columns)
    found = filters.filter_devices(state.device_query)
    trail.record(
        actor_of(request),
        Verb.DEVICES_EXPORTED,
        subject_kind="devices",
        subject=file_format,
        query=state.query,
        columns=[column.key for column in columns],
        count=found.count(),
    )
    rows = (row_of(device, columns) for device in pagination.all_of(found, state.order))
    name = f"devices-{now():%Y%m%d-%H%M}"
    return download(request, file_format, name, head_of(columns), rows)


def _view(request: DashboardRequest, token: UUID) -> SavedView:
    view = saved_views.find(token, request.user)
    if view is None:
        hide(
            request,
            Code.NOT_YOUR_VIEW,
            "There is no such view, or it is not shared with you.",
            exists=saved_views.exists(token),
        )
    return view
