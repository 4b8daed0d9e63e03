"""Requests: the list, and the live page of one request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from actions.action_requests import selectors as action_requests
from actions.action_requests.activity import running_count
from actions.action_requests.gate import may_control
from actions.action_requests.linked import suggested_reason
from actions.action_requests.selectors import Progress
from actions.action_requests.states import RETRYABLE, UNDOABLE, CommandStatus
from actions.audit import selectors as audit
from actions.catalog import KINDS
from actions.dispatch.forecast import forecast
from actions.inventory import selectors as inventory
from actions.retention import removed
from dashboard.access import actor_of
from dashboard.http import DashboardRequest, read_int, read_text, wants_part

if TYPE_CHECKING:
    from actions.action_requests.models import ActionRequest

LIST_SIZE = 50
COMMANDS_PER_PAGE = 100

PARTS = {
    "request-devices": "action_requests/_devices.html",
    "request-controls": "action_requests/_controls_response.html",
    "request-record": "action_requests/_record.html",
}
"""Parts that each page fetches again when the request has changed, as they depend on the user."""

PANELS = ("retry", "undo", "cancel")
"""The controls that ask before they act, in a form on the page."""


@require_GET
def action_request_list(request: DashboardRequest) -> HttpResponse:
    """List requests, newest first, of all users or of this one."""
    mine = request.GET.get("whose") == "mine"
    kind = request.GET.get("kind", "") if request.GET.get("kind") in KINDS else ""
    before = read_int(request.GET.get("before"), default=0) or None
    found = action_requests.listed(
        before=before, size=LIST_SIZE + 1, mine=request.user.pk if mine else None, kind=kind
    )
    page = found[:LIST_SIZE]
    progress = action_requests.progress_of(page)
    view = {"whose": "mine" if mine else "", "kind": kind}
    after = {**view, "before": page[-1].pk} if len(found) > LIST_SIZE else {}
    context = {
        "nav": "action_requests",
        "rows": [(action_request, progress[action_request.pk]) for action_request in page],
        "mine": mine,
        "kind": kind,
        "kinds": KINDS.values(),
        "next_url": "?" + urlencode(after) if after else "",
        "first_url": "?" + urlencode(view) if before else "",
    }
    return render(request, "action_requests/list.html", context)


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def action_request_detail(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Show one request; htmx requests a part under the same URL, with the version it has as `v`."""
    action_request = action_requests.find(token)
    if action_request is None:
        raise Http404(removed.explanation("request", str(token)) or "There is no such request.")
    if wants_part(request, "progress-live"):
        if request.GET.get("v") == str(action_request.version):
            return HttpResponse(status=204)
        response = render(request, "action_requests/_progress.html", progress_of(action_request))
        response["HX-Trigger"] = "progressed"
        return response
    for part, template in PARTS.items():
        if wants_part(request, part):
            progress = action_requests.progress(action_request)
            context = _parts_of(request, action_request, progress, part)
            if part == "request-controls":
                context["running"] = running_count()
            return render(request, template, context)
    return detail_page(request, action_request)


def detail_page(
    request: DashboardRequest, action_request: "ActionRequest", *, problems: Iterable[str] = ()
) -> HttpResponse:
    """Render the whole page; with problems, the form of the refused control is open."""
    context = progress_of(action_request)
    for part in PARTS:
        context |= _parts_of(request, action_request, context["progress"], part)
    panel = request.POST.get("verb") or request.GET.get("panel", "")
    context["panel"] = panel if panel in PANELS and context["may_control"] else ""
    if context["panel"] == "cancel":
        context |= _cancel_panel(request, action_request)
    if context["panel"]:
        suggested = suggested_reason(action_request, context["panel"])
        context["reason"] = request.POST.get("reason", suggested)
    context["problems"] = list(problems)
    context["just_sent"] = request.session.pop("just_sent", "") == str(action_request.uuid)
    status = 422 if context["problems"] else 200
    return render(request, "action_requests/detail.html", context, status=status)


def _parts_of(
    request: DashboardRequest, action_request: "ActionRequest", progress: Progress, part: str
) -> dict[str, Any]:
    """Return the context of one part, besides that of the live part."""
    context = {
        "nav": "action_requests",
        "action_request": action_request,
        "may_control": may_control(action_request, actor_of(request)),
    }
    if part == "request-devices":
        return context | _commands_of(request, action_request, progress)
    if part == "request-controls":
        return context | _controls_of(action_request, progress)
    return context | {
        "events": audit.of_subject("request", str(action_request.uuid), limit=20),
        "calls": action_requests.calls(action_request),
    }


def _cancel_panel(request: DashboardRequest, action_request: "ActionRequest") -> dict[str, Any]:
    """Return what a cancellation would concern: one device, or all that were not sent yet."""
    given = request.POST if request.method == "POST" else request.GET
    target = read_text(given.get("target"), max_length=255)
    count = action_requests.count_waiting(action_request, target)
    return {"target": target, "cancel_count": count}


def _controls_of(action_request: "ActionRequest", progress: Progress) -> dict[str, Any]:
    counts = progress.counts
    kind = action_request.kind
    outlook = forecast() if progress.waiting else None
    return {
        "can_cancel": sum(
            counts.get(status, 0) for status in (CommandStatus.QUEUED, CommandStatus.HELD)
        ),
        "retryable": [share for share in progress.shares if share.status in RETRYABLE],
        "undoable": sum(counts.get(status, 0) for status in UNDOABLE) if kind.inverse else 0,
        "inverse": KINDS.get(kind.inverse),
        "children": action_request.children.all(),
        "ends_at": outlook.requests.get(action_request.pk) if outlook else None,
        "frozen": outlook.frozen if outlook else False,
    }


def progress_of(action_request: "ActionRequest") -> dict[str, Any]:
    """Return the context of the live part, which is the same for every user."""
    group = action_request.params.get("group_id")
    return {
        "action_request": action_request,
        "progress": action_requests.progress(action_request),
        "group_name": inventory.group_name(group) if group else "",
    }


def _commands_of(
    request: DashboardRequest, action_request: "ActionRequest", progress: Progress
) -> dict[str, Any]:
    status = request.GET.get("status", "")
    status = status if status in CommandStatus.values else ""
    number = read_int(request.GET.get("page"), default=1, high=100_000)
    commands, more = action_requests.commands(
        action_request, progress.counts, status=status, page=number, size=COMMANDS_PER_PAGE
    )
    view = {"status": status} if status else {}
    start = (number - 1) * COMMANDS_PER_PAGE
    logs = [command.agent_log for command in commands if hasattr(command, "agent_log")]
    return {
        "commands": commands,
        "has_ids": any(command.command_id for command in commands),
        "logs": len(logs),
        "logs_wait": any(log.open for log in logs),
        "reads_logs": request.user.rights.reads_logs,
        "status": status,
        "statuses": CommandStatus.choices,
        "range": f"{start + 1:,} to {start + len(commands):,}",
        "here": "?" + urlencode({**view, "page": number}),
        "previous_url": "?" + urlencode({**view, "page": number - 1}) if number > 1 else "",
        "next_url": "?" + urlencode({**view, "page": number + 1}) if more else "",
    }
