"""Lists of devices, pasted or uploaded: upload, matching, and the selection of the matches."""

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from actions.action_requests.submissions import Addressing
from actions.errors import Code, Refused
from actions.selections import list_matching, list_parser, uploads
from actions.selections.list_parser import MAX_LINES, Row
from actions.selections.list_reader import Choice
from actions.selections.uploads import choose_matched, keep_list, targets_by_addressing
from actions.spreadsheets import csv_rows
from dashboard.access import actor_of, hide, submitter_required
from dashboard.forms import DeviceListForm
from dashboard.http import DashboardRequest, read_int, see_other
from dashboard.printable import printable

if TYPE_CHECKING:
    from actions.selections.models import UploadedList

MAX_SHOWN = 20
"""Lines of each bucket on the page; the download has all of them."""

BUCKETS = {
    "matched": ("Matched", "Each line matches exactly one device. Only these are selected."),
    "unknown": ("Unknown", "No device in the inventory has this id, MAC address or name."),
    "duplicate": ("Duplicate", "An earlier line has the same device or text."),
    "ambiguous": ("Ambiguous", "Several devices have this MAC address or name."),
    "malformed": ("Malformed", "This cannot be used as an id, MAC address or name."),
}


SEPARATORS = {
    "none": "None: a line is one device",
    "tab": "Tab",
    "semicolon": "Semicolon ;",
    "comma": "Comma ,",
    "pipe": "Vertical bar |",
    "blank": "Blank",
}


class MatchedList(NamedTuple):
    """An uploaded list, the chosen column, and what its lines match now."""

    uploaded: "UploadedList"
    rows: list[Row]
    column: int
    heading: bool
    lines: list[list_matching.Line]


@require_http_methods(["GET", "POST"])
@submitter_required
def upload_list(request: DashboardRequest) -> HttpResponse:
    """Store a pasted or uploaded list, if all of it can be read."""
    form = (
        DeviceListForm(request.POST, request.FILES, actor=actor_of(request))
        if request.method == "POST"
        else DeviceListForm(actor=actor_of(request))
    )
    if form.is_bound and form.is_valid() and form.found:
        uploaded = keep_list(
            form.found.rows,
            actor_of(request),
            name=form.list_name,
            original=form.original,
            reading=form.found.reading,
        )
        return see_other(reverse("uploaded_list", args=[uploaded.uuid]))
    context = {"nav": "devices", "form": form, "max_lines": MAX_LINES}
    status = 422 if form.is_bound else 200
    return render(request, "device_lists/form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@submitter_required
def uploaded_list(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Show what each line matches, read the list in another way, or select the matched devices."""
    if request.method == "POST" and "read" in request.POST:
        return _read_again(request, token)
    matched = _read(request, token)
    if request.method == "POST":
        addressing: Addressing = "macs" if request.POST.get("addressing") == "macs" else "ids"
        selection = choose_matched(matched.lines, actor_of(request), addressing)
        if selection:
            return see_other(f"{reverse('compose')}?selection={selection.uuid}")
        messages.error(request, "No line matches a device any more.")
        return redirect("uploaded_list", token=token)
    return render(request, "device_lists/result.html", _context(matched))


@require_GET
@submitter_required
def uploaded_list_lines(request: DashboardRequest, token: UUID, bucket: str) -> HttpResponse:
    """Download all lines of one bucket as CSV without formulas."""
    if bucket not in list_matching.BUCKETS:
        raise Http404("There is no such list.")
    lines = [line for line in _read(request, token).lines if line.bucket == bucket]
    labels = list_matching.labels(lines)
    rows = ((line.number, line.text, labels.get(line.device or 0, ""), line.why) for line in lines)
    content = csv_rows(["line", "text", "device", "note"], rows)
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{bucket}-lines.csv"'
    return response


def _read_again(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Store the list as the form on its page says; the new list has its own address."""
    given = request.POST
    choice = Choice(
        sheet=given.get("sheet", "")[:255],
        hidden=given.get("hidden") == "yes",
        separator=given.get("separator", ""),
    )
    try:
        again = uploads.read_again(_own(request, token), choice, actor_of(request))
    except Refused as refusal:
        messages.error(request, printable(str(refusal)))
        return see_other(reverse("uploaded_list", args=[token]))
    return see_other(reverse("uploaded_list", args=[again.uuid]))


def _own(request: DashboardRequest, token: UUID) -> "UploadedList":
    found = uploads.own_list(token, request.user.pk)
    if found is None:
        hide(
            request,
            Code.NOT_YOUR_LIST,
            "This list was not found. Lists are kept for a week, each for the person who uploaded "
            "it. Paste or upload it again.",
            exists=uploads.exists(token),
        )
    return found


def _read(request: DashboardRequest, token: UUID) -> MatchedList:
    """Match the chosen column, or the one that matches most devices, with the inventory."""
    found = _own(request, token)
    rows = uploads.rows_of(found)
    given = request.GET if request.method == "GET" else request.POST
    if "column" in given:
        column = min(read_int(given["column"], default=0, low=0), found.width - 1)
        heading = given.get("heading") == "yes"
    else:
        column, heading = list_matching.guess_column(rows)
    lines = list_matching.match_lines(list_parser.column_of(rows[heading:], column))
    return MatchedList(found, rows, column, heading, lines)


def _context(matched: MatchedList) -> dict[str, Any]:
    targets = targets_by_addressing(matched.lines)
    reading = uploads.reading_of(matched.uploaded)
    buckets = []
    for name in list_matching.BUCKETS:
        lines = [line for line in matched.lines if line.bucket == name]
        title, explanation = BUCKETS[name]
        labels = list_matching.labels(lines[:MAX_SHOWN])
        buckets.append(
            {
                "name": name,
                "title": title,
                "explanation": explanation,
                "count": len(lines),
                "more": max(0, len(lines) - MAX_SHOWN),
                "lines": [(line, labels.get(line.device or 0, "")) for line in lines[:MAX_SHOWN]],
            }
        )
    return {
        "nav": "devices",
        "uploaded": matched.uploaded,
        "heading": matched.heading,
        "column": matched.column,
        "columns": _columns(matched),
        "reading": reading,
        "left_out": reading.left_out(),
        "other_sheets": [each for each in reading.sheets if each[0] != reading.sheet],
        "can_read_again": bool(matched.uploaded.original),
        "separators": SEPARATORS,
        "buckets": buckets,
        "by_id": len(targets["ids"]),
        "by_mac": len(targets["macs"]),
    }


def _columns(matched: MatchedList) -> list[tuple[int, str]]:
    """Return each column with its first cell; empty for a list of one column."""
    width = matched.uploaded.width
    first = matched.rows[0].cells
    names = [first[index] if index < len(first) else "" for index in range(width)]
    return list(enumerate(names)) if width > 1 else []
