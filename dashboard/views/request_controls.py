"""The controls of a request, and the freeze switch."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from actions.action_requests import controls
from actions.action_requests import selectors as action_requests
from actions.errors import NotAllowed, Refused
from actions.retention import removed
from dashboard.access import actor_of
from dashboard.http import DashboardRequest
from dashboard.views.action_requests import detail_page

DONE = {
    "cancel": "Cancelled {devices}. A call in flight cannot be cancelled.",
    "pause": "Paused {devices}.",
    "resume": "Resumed for {devices}.",
    "retry": "Sent again for {devices}.",
    "undo": "Undo submitted for {devices} in {requests}.",
}
"""The message after each control."""

REPEATED = "The same {verb} was asked already; nothing was sent again. This is its request."


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@require_POST
def control_action_request(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Perform a control; a refusal is shown beside its button."""
    action_request = action_requests.find(token)
    if action_request is None:
        raise Http404(removed.explanation("request", str(token)) or "There is no such request.")
    verb, form = request.POST.get("verb", ""), request.POST
    try:
        result = controls.perform(
            verb,
            action_request,
            actor_of(request),
            targets=form.getlist("target"),
            statuses=form.getlist("only"),
            reason=form.get("reason", ""),
            hours=form.get("exempt_hours"),
            forever=form.get("forever") == "on",
        )
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    except Refused as refusal:
        texts = [problem.text for problem in refusal.problems]
        return detail_page(request, action_request, problems=texts)
    if result.repeated:
        messages.info(request, REPEATED.format(verb=verb))
    else:
        devices = counted(result.devices, "device")
        requests = counted(len(result.requests), "request")
        messages.success(request, DONE[verb].format(devices=devices, requests=requests))
    shown = next(iter(result.requests), action_request)
    return redirect("action_request", token=shown.uuid)


@require_POST
def freeze(request: DashboardRequest) -> HttpResponse:
    """Freeze or resume all sending."""
    frozen = request.POST.get("frozen") == "yes"
    try:
        controls.freeze(actor_of(request), frozen=frozen, reason=request.POST.get("reason", ""))
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Sending is frozen." if frozen else "Sending is resumed.")
    return redirect("vendor_calls")
