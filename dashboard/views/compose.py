"""Compose an action: choose, review, send."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from actions.errors import Refused
from actions.selectors import devices
from actions.services.submit import AlreadySubmitted, check_submission, submit_action
from actions.submissions import Submission
from dashboard.access import actor_of, submitter_required
from dashboard.forms import PRESETS, ComposeForm
from dashboard.http import DashboardRequest, read_keys


@require_http_methods(["GET", "POST"])
@submitter_required
def compose(request: DashboardRequest) -> HttpResponse:
    """Draw the form for the chosen devices, then the review with the count repeated, then send."""
    step = request.POST.get("step", "")
    if request.method == "GET" or step == "choose":
        chosen = request.GET if request.method == "GET" else request.POST
        keys = ",".join(str(key) for key in read_keys(chosen.getlist("device")))
        form = ComposeForm(initial={"devices": keys}, role=request.user.rank)
        return _draw(request, form, "compose/form.html")
    form = ComposeForm(request.POST, role=request.user.rank)
    if not form.is_valid() or form.submission is None:
        return _draw(request, form, "compose/form.html", status=422)
    if step == "change":
        return _draw(request, form, "compose/form.html")
    return _send(request, form) if step == "send" else _review(request, form)


def _review(request: DashboardRequest, form: ComposeForm) -> HttpResponse:
    try:
        check_submission(_frozen(form), actor_of(request))
    except Refused as refusal:
        form.add_refusal(refusal)
        return _draw(request, form, "compose/form.html", status=422)
    return _draw(request, form, "compose/review.html")


def _send(request: DashboardRequest, form: ComposeForm) -> HttpResponse:
    try:
        action_request = submit_action(_frozen(form), actor_of(request))
    except AlreadySubmitted as twin:
        messages.info(request, f"{twin} This is its request.")
        return redirect("action_request", token=twin.action_request.uuid)
    except Refused as refusal:
        form.add_refusal(refusal)
        return _draw(request, form, "compose/form.html", status=422)
    request.session["just_sent"] = str(action_request.uuid)
    return redirect("action_request", token=action_request.uuid)


def _frozen(form: ComposeForm) -> Submission:
    if form.submission is None:
        raise ValueError("Only a valid form has a submission.")
    return form.submission


def _draw(
    request: DashboardRequest, form: ComposeForm, template: str, status: int = 200
) -> HttpResponse:
    value = str(form["devices"].value() or "")
    chosen = devices.by_keys(read_keys(value.split(",")))
    group = form.submission.params.get("group_id") if form.submission else None
    context = {
        "nav": "devices",
        "form": form,
        "submission": form.submission,
        "chosen": chosen,
        "sample": chosen[:8],
        "more": max(0, len(chosen) - 8),
        "presets": PRESETS,
        "calls": -(-len(chosen) // settings.OPSWAT_MAX_DEVICES),
        "call_limit": f"{settings.OPSWAT_RATE_LIMIT[0]:g}",
        "call_seconds": f"{settings.OPSWAT_RATE_LIMIT[1]:g}",
        "group_name": devices.group_name(group) if group else "",
    }
    return render(request, template, context, status=status)
