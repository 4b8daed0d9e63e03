"""The buttons of a request, and the freeze switch."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from actions.action_requests import controls
from actions.action_requests import selectors as action_requests
from actions.action_requests.states import RETRYABLE, CommandStatus
from actions.errors import NotAllowed, Refused
from dashboard.access import actor_of
from dashboard.http import DashboardRequest
from dashboard.views.action_requests import detail_page


@require_POST
def control_action_request(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Cancel, pause, resume, retry or undo; what is wrong stands beside the button."""
    action_request = action_requests.find(token)
    if action_request is None:
        raise Http404("There is no such request.")
    try:
        said, shown = _do(request, action_request)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    except Refused as refusal:
        texts = [text for texts in refusal.problems.values() for text in texts]
        return detail_page(request, action_request, problems=texts)
    messages.success(request, said)
    return redirect("action_request", token=shown)


def _do(request: DashboardRequest, wish: Any) -> tuple[str, UUID]:
    """What was done, in words, and the request to show then."""
    actor, form = actor_of(request), request.POST
    match form.get("verb"):
        case "cancel":
            count = controls.cancel(wish, actor, form.getlist("target"))
            return f"Cancelled: {count:,}. What is in a call now cannot be taken back.", wish.uuid
        case "pause":
            return f"Paused: {controls.pause(wish, actor):,} devices wait.", wish.uuid
        case "resume":
            return f"Goes on: {controls.resume(wish, actor):,} devices.", wish.uuid
        case "retry":
            only = [CommandStatus(word) for word in form.getlist("only") if word in RETRYABLE]
            child = controls.retry(wish, actor, statuses=only, reason=form.get("reason", ""))
            return f"Sent again: {child.device_count:,} devices.", child.uuid
        case "undo":
            children = controls.undo(
                wish,
                actor,
                reason=form.get("reason", ""),
                hours=form.get("exempt_hours"),
                forever=form.get("forever") == "on",
            )
            return f"Undo: {len(children)} new request(s).", children[0].uuid
    raise Refused.because("", "There is no such button.")


@require_POST
def freeze(request: DashboardRequest) -> HttpResponse:
    """Stop all sending, or let it go on."""
    frozen = request.POST.get("frozen") == "yes"
    try:
        controls.freeze(actor_of(request), frozen=frozen, reason=request.POST.get("reason", ""))
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Sending is frozen." if frozen else "Sending goes on.")
    return redirect("vendor_calls")
