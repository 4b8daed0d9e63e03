"""Template context of one file of an agent log: lines, search hits and links."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from actions.agent_logs import controls
from actions.agent_logs import selectors as agent_logs
from actions.agent_logs.zip.directory import BadArchive
from actions.agent_logs.zip.levels import Level
from actions.agent_logs.zip.lines import PAGE, Line, clock_of, jump, names_levels, read_page
from actions.agent_logs.zip.members import Member
from actions.agent_logs.zip.search import MAX_PHRASE, search
from actions.trail.verbs import Verb
from dashboard.access import actor_of
from dashboard.http import DashboardRequest, is_from_own_page, read_int, read_text
from dashboard.printable import marked, printable_line

if TYPE_CHECKING:
    from actions.agent_logs.models import AgentLog
    from actions.agent_logs.selectors import FoundInLog
    from actions.agent_logs.zip.directory import Entry
    from actions.agent_logs.zip.search import Hit

LEVELS = ((0, "All lines"), (2, "Info and worse"), (3, "Warnings and worse"), (4, "Errors"))


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as the page shows it.

    `pieces` are its printable text in parts, each with whether it is the searched phrase. `url` is
    the permanent address of the line, without the search.
    """

    number: int
    level: str
    pieces: list[tuple[str, bool]]
    cut: int
    url: str
    is_hit: bool = False


def line_view(line: Line, url: str, *, phrase: str = "", is_hit: bool = False) -> LineView:
    """Make a line printable and mark the phrase in it."""
    text = printable_line(line.text)
    here = f"{url}&line={line.number}#L{line.number}"
    level = line.level.name.lower() if line.level else ""
    return LineView(line.number, level, marked(text, phrase), line.cut, here, is_hit)


def file_view(request: DashboardRequest, log: "AgentLog", entry: "Entry") -> dict[str, Any]:
    """Return the context of one file: the lines, or the hits of a phrase, that the URL asks for."""
    phrase = read_text(request.GET.get("q"), max_length=MAX_PHRASE)
    level = Level(read_int(request.GET.get("level"), default=0, high=4))
    url = "?" + urlencode({"file": entry.index})
    context = {"phrase": phrase, "level": int(level), "levels": LEVELS, "file_url": url}
    try:
        text = agent_logs.member(log, entry)
        # A link from elsewhere must not put words into a person's mouth: it opens the file.
        searched = phrase if is_from_own_page(request) else ""
        verb = Verb.LOG_SEARCHED if searched else Verb.LOG_OPENED
        data = {"file": entry.name, "search": searched}
        controls.record_access(log, actor_of(request), verb, **data)
        context |= {"encoding": text.encoding.label, "binary": text.binary}
        first = read_int(request.GET.get("line"), default=1)
        if phrase:
            return context | _hits(text, phrase, first, url)
        stored_at = log.stored_at or timezone.now()
        return context | _lines(request, text, first, level, url, stored_at)
    except BadArchive as error:
        return context | {"error": f"This file cannot be read: {error}"}


def _lines(
    request: DashboardRequest,
    text: Member,
    line: int,
    level: Level,
    url: str,
    stored_at: datetime,
) -> dict[str, Any]:
    """Return a page of lines, at a line number or at the time in the URL.

    Unfiltered pages start at fixed line numbers, so that a link to one always shows the same lines.
    """
    time_text = read_text(request.GET.get("at"), max_length=40)
    problem = note = ""
    if time_text:
        line, problem, note = _jump(text, time_text, stored_at)
    first = line if level else (line - 1) // PAGE * PAGE + 1
    page = read_page(text, first, level)
    chosen = {"level": int(level)} if level else {}
    back = {**chosen, "line": max(1, first - PAGE)}
    return {
        "lines": [
            line_view(each, url, is_hit=bool(time_text) and each.number == line)
            for each in page.lines
        ],
        "at": time_text,
        "problem": problem,
        "note": note,
        "no_levels": bool(level) and not page.lines and not names_levels(text),
        "first": first,
        "stopped": page.stopped,
        "previous_url": f"{url}&{urlencode(back)}" if first > 1 and not level else "",
        "first_url": f"{url}&{urlencode(chosen)}" if first > 1 else "",
        "next_url": f"{url}&{urlencode({**chosen, 'line': page.next_line})}"
        if page.next_line
        else "",
    }


def _jump(text: Member, time_text: str, stored_at: datetime) -> tuple[int, str, str]:
    """Return the line at a time or 1, why there is none, and what was assumed of the times."""
    at = _parse_time(text, time_text, stored_at)
    if not at:
        return 1, "Write the time as 2026-01-31 13:45:00, or as the file writes it.", ""
    found = jump(text, at, stored_at)
    if found.stopped:
        problem = f"The search ended at line {found.stopped:,}. Jump to a line instead."
        return 1, problem, found.assumed
    if found.last is None:
        return 1, "No times are understood in this file. Search for the time as a phrase.", ""
    problem = "" if found.line else f"The last time in this file is {found.last:%Y-%m-%d %H:%M:%S}."
    return found.line or 1, problem, found.assumed


def _parse_time(text: Member, time_text: str, stored_at: datetime) -> datetime | None:
    """Read a time as ISO 8601 or as the file writes it; without a zone it has that of the file."""
    try:
        return datetime.fromisoformat(time_text)
    except ValueError:
        stamp = clock_of(text, stored_at).read(time_text.encode())
        return stamp.at.replace(tzinfo=None) if stamp else None


def _hits(text: Member, phrase: str, first: int, url: str) -> dict[str, Any]:
    found = search(text, phrase, first)
    more = urlencode({"q": phrase, "line": found.next_line})
    return {
        "hits": _hit_views(found.hits, url, phrase),
        "next_url": f"{url}&{more}" if found.next_line else "",
        "first": first,
    }


def hits_of(part: "FoundInLog", phrase: str) -> list[list[LineView]]:
    """Return the hits in one file of one log, each with the lines around it."""
    url = f"{reverse('agent_log', args=[part.log.uuid])}?file={part.entry.index}"
    return _hit_views(part.found.hits, url, phrase)


def _hit_views(hits: Iterable["Hit"], url: str, phrase: str) -> list[list[LineView]]:
    return [
        [
            *(line_view(line, url) for line in hit.before),
            line_view(hit.line, url, phrase=phrase, is_hit=True),
            *(line_view(line, url) for line in hit.after),
        ]
        for hit in hits
    ]
