"""Agent logs: the list, one log with its files, its download, and search in a request's logs."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from actions.action_requests import gate
from actions.action_requests import selectors as action_requests
from actions.agent_logs import controls
from actions.agent_logs import selectors as agent_logs
from actions.agent_logs.stored import AlteredFile
from actions.agent_logs.zip.directory import BadArchive
from actions.agent_logs.zip.search import MAX_PHRASE
from actions.errors import NotAllowed, Refused
from actions.retention import removed
from actions.trail.verbs import Verb
from dashboard.access import actor_of, log_reader_required
from dashboard.agent_log_reader import file_view, hits_of
from dashboard.http import DashboardRequest, is_from_own_page, read_int, read_text, wants_part
from dashboard.streaming import attachment

if TYPE_CHECKING:
    from actions.agent_logs.models import AgentLog
    from actions.agent_logs.zip.directory import Entry

LIST_SIZE = 50


@require_GET
@log_reader_required
def agent_log_list(request: DashboardRequest) -> HttpResponse:
    """List the logs, newest first; the URL holds all filters."""
    status = request.GET.get("status", "")
    view = {
        "status": status if status in dict(agent_logs.CHOICES) else "",
        "device": read_text(request.GET.get("device")),
        "person": read_text(request.GET.get("person")),
    }
    before = read_int(request.GET.get("before"), default=0) or None
    found = agent_logs.listed(**view, before=before, size=LIST_SIZE + 1)
    logs = found[:LIST_SIZE]
    after = {**view, "before": logs[-1].pk} if len(found) > LIST_SIZE else {}
    context = {
        "nav": "agent_logs",
        "logs": logs,
        **view,
        "statuses": agent_logs.CHOICES,
        "filtered": any(view.values()),
        "next_url": "?" + urlencode(after) if after else "",
        "first_url": "?" + urlencode(view) if before else "",
    }
    return render(request, "agent_logs/list.html", context)


@require_GET
@log_reader_required
@vary_on_headers("HX-Request", "HX-Target")
def agent_log(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Show one log: the state of its fetch, or its files."""
    log = _find(token)
    if log.open:
        controls.note_viewer(log)
    if wants_part(request, "log-state"):
        response = render(request, "agent_logs/_state.html", _state_of(request, log))
        if not log.open:
            response["HX-Refresh"] = "true"
        return response
    return _page(request, log)


def _page(request: DashboardRequest, log: "AgentLog", status: int = 200) -> HttpResponse:
    context = _state_of(request, log)
    if log.status == "ready":
        context |= _files_of(request, log)
    return render(request, "agent_logs/page.html", context, status=status)


def _find(token: UUID) -> "AgentLog":
    log = agent_logs.find(token)
    if log is None:
        raise Http404(removed.explanation("log", str(token)) or "There is no such log.")
    return log


def _state_of(request: DashboardRequest, log: "AgentLog") -> dict[str, Any]:
    return {
        "nav": "agent_logs",
        "log": log,
        "meaning": agent_logs.meaning(log.status),
        "asks_stop": request.GET.get("panel") == "stop",
        "may_stop": log.open and gate.may_control(log.request, actor_of(request)),
    }


def _files_of(request: DashboardRequest, log: "AgentLog") -> dict[str, Any]:
    """Return the file tree and the open file; opening a file is recorded in the audit trail."""
    try:
        entries = agent_logs.files(log)
    except BadArchive as error:
        altered = isinstance(error, AlteredFile)
        return {"error": f"This archive cannot be opened: {error}", "altered": altered}
    entry = _entry(request, entries)
    context = {"rows": agent_logs.tree(entries), "entry": entry}
    if entry is None:
        return context
    return context | file_view(request, log, entry)


def _entry(request: DashboardRequest, entries: "tuple[Entry, ...]") -> "Entry | None":
    """Return the file that the URL names, otherwise the first *.log file."""
    index = read_int(request.GET.get("file"), default=-1, low=0)
    named = next((entry for entry in entries if entry.index == index), None)
    good = [entry for entry in entries if not entry.refusal]
    first = next((entry for entry in good if entry.name.casefold().endswith(".log")), None)
    return named or first or next(iter(good or entries), None)


@require_POST
@log_reader_required
def control_agent_log(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Fetch the log now, or stop fetching it."""
    log = _find(token)
    try:
        message = controls.perform(request.POST.get("verb", ""), log, actor_of(request))
        messages.success(request, message)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    except Refused as refusal:
        messages.info(request, str(refusal))
    return redirect("agent_log", token=log.uuid)


@require_GET
@log_reader_required
def agent_log_download(request: DashboardRequest, token: UUID) -> HttpResponseBase:
    """Download the archive as received, or one file of it.

    The file is compared with its checksum before the answer begins; an altered one is answered with
    409 on the page of the log.
    """
    log = _find(token)
    name = f"agent-log-{_safe_name(log.command.label)}-{log.uuid.hex[:8]}"
    try:
        if "file" in request.GET:
            return _download_one(request, log, name)
        chunks = agent_logs.whole(log)
    except AlteredFile:
        return _page(request, log, status=409)
    except BadArchive as error:
        raise Http404(str(error)) from None
    controls.record_access(log, actor_of(request), Verb.LOG_DOWNLOADED)
    return attachment(request, chunks, f"{name}.zip", log.size)


def _download_one(request: DashboardRequest, log: "AgentLog", name: str) -> HttpResponseBase:
    index = read_int(request.GET["file"], default=-1, low=0)
    entries = agent_logs.files(log)
    entry = next((each for each in entries if each.index == index and not each.refusal), None)
    if entry is None:
        raise Http404("There is no such file.")
    chunks = agent_logs.bytes_of(log, entry)
    controls.record_access(log, actor_of(request), Verb.LOG_DOWNLOADED, file=entry.name)
    # Our own extension, so that no name from the archive makes the file executable.
    file_name = f"{name}-{_safe_name(entry.parts[-1])}.txt"
    return attachment(request, chunks, file_name, entry.size)


def _safe_name(text: str) -> str:
    """Replace every character that has a meaning in some file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60] or "file"


@require_GET
@log_reader_required
def action_request_logs(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Search a phrase in all logs of a request that have been received."""
    action_request = action_requests.find(token)
    if action_request is None:
        raise Http404(removed.explanation("request", str(token)) or "There is no such request.")
    phrase = read_text(request.GET.get("q"), max_length=MAX_PHRASE)
    first = read_int(request.GET.get("from"), default=0)
    context = {
        "nav": "action_requests",
        "action_request": action_request,
        "phrase": phrase,
        "counts": agent_logs.of_request(action_request),
    }
    if phrase:
        # A link from elsewhere must not put words into a person's mouth: the line has no phrase.
        searched = phrase if is_from_own_page(request) else ""
        controls.record_search(action_request, actor_of(request), searched)
        found = agent_logs.search_all(action_request, phrase, first)
        more = {"q": phrase, "from": found.next_log}
        context |= {
            "found": found,
            "parts": [(part, hits_of(part, phrase)) for part in found.parts],
            "next_url": "?" + urlencode(more) if found.next_log else "",
        }
    return render(request, "agent_logs/search.html", context)
