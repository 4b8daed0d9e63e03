"""Compose a request for the selected devices: form, review, submission."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from actions.action_requests.repeats import AlreadySubmitted
from actions.action_requests.submissions import Submission, lane_for
from actions.action_requests.submit import check_submission, submit_action
from actions.catalog import KINDS, VERSIONS
from actions.dispatch import forecast
from actions.errors import Code, Refused
from actions.inventory import selectors as inventory
from actions.ratelimit import window
from actions.selections import preview
from actions.selections import selectors as selections
from actions.selections.choose import exclude_by_rules
from dashboard.access import actor_of, hide, submitter_required
from dashboard.form_tokens import FormTokens
from dashboard.forms import PRESETS, ComposeForm
from dashboard.http import DashboardRequest, wants_part

MAX_NAMED = 8
"""Devices whose names are shown; the others are counted."""


@require_http_methods(["GET", "POST"])
@submitter_required
@vary_on_headers("HX-Request", "HX-Target")
def compose(request: DashboardRequest) -> HttpResponse:
    """Show the form, then the review, then submit."""
    chosen, tokens = _chosen(request), FormTokens.of(request)
    if request.method == "GET":
        kind = request.GET.get("kind", "")
        if wants_part(request, "preview"):
            return render(request, "compose/_preview.html", _cost_of(chosen, kind))
        fields = {"kind": kind if kind in KINDS else "", "back": request.GET.get("back", "")}
        form = ComposeForm(initial=fields, user=request.user, chosen=chosen, tokens=tokens)
        return _render(request, form, "compose/form.html")
    if "drop" in request.POST:
        return _exclude(request, chosen)
    form = ComposeForm(request.POST, user=request.user, chosen=chosen, tokens=tokens)
    step = request.POST.get("step", "")
    if not form.is_valid() or form.submission is None:
        return _render(request, form, "compose/form.html", status=422)
    if step == "change":
        return _render(request, form, "compose/form.html")
    return _send(request, form) if step == "send" else _review(request, form)


def _chosen(request: DashboardRequest) -> selections.Chosen | None:
    """Return the selection that the URL or the form names, or None if it names none."""
    given = request.GET if request.method == "GET" else request.POST
    name = given.get("selection", "")
    if not name:
        return None
    token = _read_token(name)
    found = selections.own_selection(token, request.user.pk) if token else None
    if found is None:
        hide(
            request,
            Code.NOT_YOUR_SELECTION,
            "This selection was not found. Selections are kept for a week, each for the person who "
            "made it. Select the devices again.",
            exists=token is not None and selections.exists(token),
        )
    return found


def _read_token(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _exclude(request: DashboardRequest, chosen: selections.Chosen | None) -> HttpResponse:
    """Exclude the devices that some rules reject: a new selection, with the form as filled in."""
    kind = KINDS.get(request.POST.get("kind", ""))
    version = settings.OPSWAT_ACTION_VERSION
    data = request.POST.copy()
    if chosen and kind and kind.name in VERSIONS[version].kinds:
        rules = request.POST["drop"].split()
        chosen = exclude_by_rules(chosen, kind, version, rules, actor_of(request))
        data["selection"] = str(chosen.uuid)
    fields = {name: data.get(name, "") for name in ComposeForm.base_fields}
    tokens = FormTokens.of(request)
    form = ComposeForm(initial=fields, user=request.user, chosen=chosen, tokens=tokens)
    return _render(request, form, "compose/form.html")


def _review(request: DashboardRequest, form: ComposeForm) -> HttpResponse:
    try:
        check_submission(_submission_of(form), actor_of(request))
    except Refused as refusal:
        form.add_refusal(refusal)
        return _render(request, form, "compose/form.html", status=422)
    return _render(request, form, "compose/review.html")


def _send(request: DashboardRequest, form: ComposeForm) -> HttpResponse:
    try:
        action_request = submit_action(_submission_of(form), actor_of(request))
    except AlreadySubmitted as earlier:
        messages.info(request, f"{earlier} This is its request.")
        return redirect("action_request", token=earlier.action_request.uuid)
    except Refused as refusal:
        form.add_refusal(refusal)
        return _render(request, form, "compose/form.html", status=422)
    request.session["just_sent"] = str(action_request.uuid)
    return redirect("action_request", token=action_request.uuid)


def _submission_of(form: ComposeForm) -> Submission:
    if form.submission is None:
        raise ValueError("Only a valid form has a submission.")
    return form.submission


def _cost_of(chosen: selections.Chosen | None, name: str) -> dict[str, Any]:
    """Return the preview of the action and its cost in calls; makes no vendor call."""
    kind, version = KINDS.get(name), settings.OPSWAT_ACTION_VERSION
    context: dict[str, Any] = {
        "call_limit": window.limit(),
        "call_seconds": f"{window.length().total_seconds():g}",
    }
    if chosen is None or not chosen.device_count:
        return context
    count = chosen.device_count
    context |= {"chosen": chosen, "cost": forecast.estimate(count, lane_for(count))}
    if kind and kind.name in VERSIONS[version].kinds:
        context |= {"kind": kind, "preview": preview.preview(chosen, kind, version)}
    return context


def _render(
    request: DashboardRequest, form: ComposeForm, template: str, status: int = 200
) -> HttpResponse:
    chosen = form.chosen
    group = form.submission.params.get("group_id") if form.submission else None
    context = {
        "nav": "devices",
        "form": form,
        "submission": form.submission,
        "chosen": chosen,
        "count": chosen.device_count if chosen else 0,
        "sample": selections.sample(chosen, MAX_NAMED) if chosen else [],
        "more": max(0, chosen.device_count - MAX_NAMED) if chosen else 0,
        "drift": selections.drift(chosen) if chosen else None,
        "presets": PRESETS,
        "group_name": inventory.group_name(group) if group else "",
        **_cost_of(chosen, str(form["kind"].value() or "")),
    }
    return render(request, template, context, status=status)
