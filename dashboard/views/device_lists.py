"""Pick devices by a list: pasted or uploaded, looked through, and only what is sure goes on."""

from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from actions.action_requests.submissions import Addressing
from actions.errors import Code
from actions.selections import list_matching
from actions.selections.list_parser import MAX_LINES, Row
from actions.selections.uploads import choose_matched, keep_list, targets_by_addressing
from actions.spreadsheets import csv_rows
from dashboard.access import actor_of, hide, submitter_required
from dashboard.forms import DeviceListForm
from dashboard.http import DashboardRequest, read_int, see_other

SHOWN = 20
"""Lines of each bucket that the page shows; the file has them all."""

ABOUT = {
    "matched": ("Matched", "Each names exactly one device. Only these go on."),
    "unknown": ("Unknown", "Nothing in the inventory has this id, address or name."),
    "duplicate": ("Duplicate", "The device or text stands in an earlier line already."),
    "ambiguous": ("Ambiguous", "Several devices have this address or name."),
    "malformed": ("Malformed", "This can be no id, address or name."),
}


class Reading(NamedTuple):
    """A kept list, how it is read, and what its lines mean now."""

    picked: Any
    rows: list[Row]
    column: int
    heading: bool
    lines: list[list_matching.Line]


@require_http_methods(["GET", "POST"])
@submitter_required
def upload_list(request: DashboardRequest) -> HttpResponse:
    """Take a pasted or uploaded list; nothing of it is kept unless all of it could be read."""
    form = (
        DeviceListForm(request.POST, request.FILES)
        if request.method == "POST"
        else DeviceListForm()
    )
    if form.is_bound and form.is_valid():
        kept = keep_list(form.rows, actor_of(request), name=form.list_name)
        return see_other(reverse("uploaded_list", args=[kept.uuid]))
    context = {"nav": "devices", "form": form, "most": MAX_LINES}
    status = 422 if form.is_bound else 200
    return render(request, "device_lists/form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@submitter_required
def uploaded_list(request: DashboardRequest, token: UUID) -> HttpResponse:
    """Show what each line means, or go on with the devices that are sure."""
    reading = _read(request, token)
    if request.method == "POST":
        addressing: Addressing = "macs" if request.POST.get("addressing") == "macs" else "ids"
        chosen = choose_matched(reading.lines, actor_of(request), addressing)
        if chosen:
            return see_other(f"{reverse('compose')}?selection={chosen.uuid}")
        messages.error(request, "None of these lines names a device any more.")
        return redirect("uploaded_list", token=token)
    return render(request, "device_lists/result.html", _context(reading))


@require_GET
@submitter_required
def uploaded_list_lines(request: DashboardRequest, token: UUID, bucket: str) -> HttpResponse:
    """All lines of one bucket as CSV, made so that a spreadsheet computes nothing of it."""
    if bucket not in list_matching.BUCKETS:
        raise Http404("There is no such list.")
    lines = [line for line in _read(request, token).lines if line.bucket == bucket]
    named = list_matching.labels(lines)
    rows = ((line.number, line.text, named.get(line.device or 0, ""), line.why) for line in lines)
    content = csv_rows(["line", "text", "device", "note"], rows)
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{bucket}-lines.csv"'
    return response


def _read(request: DashboardRequest, token: UUID) -> Reading:
    """The list with the column that was chosen, or else the one that names most devices."""
    found = list_matching.own_list(token, request.user.pk)
    if found is None:
        hide(
            request,
            Code.NOT_YOUR_LIST,
            "This list is not here: lists are kept for a week, each for the person who brought "
            "it. Paste or upload it again.",
            exists=list_matching.exists(token),
        )
    rows = list_matching.rows_of(found)
    asked = request.GET if request.method == "GET" else request.POST
    if "column" in asked:
        column = min(read_int(asked["column"], default=0, low=0), found.width - 1)
        heading = asked.get("heading") == "yes"
    else:
        column, heading = list_matching.guess_column(rows)
    lines = list_matching.match_lines(list_matching.column_of(rows[heading:], column))
    return Reading(found, rows, column, heading, lines)


def _context(reading: Reading) -> dict[str, Any]:
    targets = targets_by_addressing(reading.lines)
    buckets = []
    for name in list_matching.BUCKETS:
        lines = [line for line in reading.lines if line.bucket == name]
        title, about = ABOUT[name]
        labels = list_matching.labels(lines[:SHOWN])
        buckets.append(
            {
                "name": name,
                "title": title,
                "about": about,
                "count": len(lines),
                "more": max(0, len(lines) - SHOWN),
                "lines": [(line, labels.get(line.device or 0, "")) for line in lines[:SHOWN]],
            }
        )
    return {
        "nav": "devices",
        "picked": reading.picked,
        "heading": reading.heading,
        "column": reading.column,
        "columns": _columns(reading),
        "buckets": buckets,
        "by_id": len(targets["ids"]),
        "by_mac": len(targets["macs"]),
    }


def _columns(reading: Reading) -> list[tuple[int, str]]:
    """The columns of a table, each with its first words; none where there is only one."""
    width = reading.picked.width
    first = reading.rows[0].cells
    names = [first[place] if place < len(first) else "" for place in range(width)]
    return list(enumerate(names)) if width > 1 else []
