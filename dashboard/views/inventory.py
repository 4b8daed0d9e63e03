"""The reads of the inventory, running and past; the start of a full read, the stop of any."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from actions.dispatch.forecast import forecast
from actions.errors import NotAllowed
from actions.inventory import selectors
from actions.inventory.sync import start_sync, stop_syncs
from actions.ratelimit.states import Lane
from dashboard.access import actor_of
from dashboard.http import DashboardRequest, wants_part


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def inventory(request: DashboardRequest) -> HttpResponse:
    """Show the reads; htmx requests the line that other pages show under the same URL."""
    state = selectors.inventory_status(forecast().lanes.get(Lane.INVENTORY))
    if wants_part(request, "inventory-sync"):
        return render(request, "inventory/_sync.html", {"state": state})
    context = {
        "nav": "devices",
        "state": state,
        "reads": selectors.latest(),
        "may_read": request.user.rights.controls_engine,
        "asks_stop": "stop" in request.GET,
        "to_stop": state.running_with(request.GET.get("stop", "")),
    }
    part = wants_part(request, "inventory-live")
    return render(request, "inventory/_live.html" if part else "inventory/page.html", context)


@require_POST
def read_inventory(request: DashboardRequest) -> HttpResponse:
    """Start a full read."""
    try:
        _, started = start_sync(actor_of(request))
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    messages.success(
        request, "Full read started." if started else "A full read is already running."
    )
    return redirect("inventory")


@require_POST
def stop_inventory_read(request: DashboardRequest, key: int) -> HttpResponse:
    """Stop one running read."""
    try:
        stopped = stop_syncs(actor_of(request), key)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    messages.success(request, "Read stopped." if stopped else "The read has ended already.")
    return redirect("inventory")
