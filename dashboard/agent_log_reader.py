"""One file of a log as a page shows it: lines, hits, and the links between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from actions.agent_logs import controls
from actions.agent_logs import selectors as agent_logs
from actions.agent_logs.zip.directory import BadArchive
from actions.agent_logs.zip.lines import MAX_PHRASE, PAGE, Level, Line, line_at, read_page, search
from actions.agent_logs.zip.members import Member
from actions.trail.verbs import Verb
from dashboard.access import actor_of
from dashboard.http import DashboardRequest, read_int, read_text
from dashboard.printable import marked, printable_line

LEVELS = ((0, "All lines"), (2, "Info and worse"), (3, "Warnings and worse"), (4, "Errors"))


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line fit for the page; `pieces` are its text, each with whether it is what was looked for.

    `url` leads to this line, and to nothing that depends on how it was found.
    """

    number: int
    level: str
    pieces: list[tuple[str, bool]]
    cut: int
    url: str
    is_hit: bool = False


def show_line(
    line: Line, encoding: str, url: str, *, phrase: str = "", is_hit: bool = False
) -> ShownLine:
    """Make a line fit to show."""
    text = printable_line(line.text(encoding))
    here = f"{url}&line={line.number}#L{line.number}"
    level = line.level.name.lower() if line.level else ""
    return ShownLine(line.number, level, marked(text, phrase), line.cut, here, is_hit)


def file_view(request: DashboardRequest, log: Any, entry: Any) -> dict[str, Any]:
    """What the page shows of one file, as the URL asks: lines, or hits of a phrase."""
    phrase = read_text(request.GET.get("q"), most=MAX_PHRASE)
    level = Level(read_int(request.GET.get("level"), default=0, high=4))
    url = "?" + urlencode({"file": entry.place})
    context = {"phrase": phrase, "level": int(level), "levels": LEVELS, "file_url": url}
    try:
        text = agent_logs.member(log, entry)
        verb = Verb.LOG_SEARCHED if phrase else Verb.LOG_OPENED
        told = {"file": entry.name, "search": phrase}
        controls.record_access(log, actor_of(request), verb, **told)
        context |= {"encoding": _encoding(text), "binary": text.binary}
        first = read_int(request.GET.get("line"), default=1)
        if phrase:
            return context | _hits(text, phrase, first, url)
        return context | _lines(request, text, first, level, url)
    except BadArchive as flaw:
        return context | {"flaw": f"This file cannot be read: {flaw}"}


def _encoding(text: Member) -> str:
    if text.encoding == "cp1252":
        return "Unknown encoding, shown as Windows-1252"
    return text.encoding.upper().removesuffix("-SIG")


def _lines(
    request: DashboardRequest, text: Member, asked: int, level: Level, url: str
) -> dict[str, Any]:
    """A page of lines: pages of all lines begin at fixed numbers, so that a link stays right."""
    wanted, problem = read_text(request.GET.get("at"), most=40), ""
    line = asked
    if wanted:
        moment = _moment(wanted)
        line = line_at(text, moment) if moment else 0
        if not moment:
            problem = "Write the time as 2026-01-31 13:45:00 (UTC)."
        elif not line:
            problem = "No line of this file has that time or a later one."
        line = line or 1
    first = line if level else (line - 1) // PAGE * PAGE + 1
    page = read_page(text, first, level)
    chosen = {"level": int(level)} if level else {}
    back = {**chosen, "line": max(1, first - PAGE)}
    return {
        "lines": [
            show_line(each, text.encoding, url, is_hit=bool(wanted) and each.number == line)
            for each in page.lines
        ],
        "at": wanted,
        "problem": problem,
        "first": first,
        "stopped": page.stopped,
        "previous_url": f"{url}&{urlencode(back)}" if first > 1 and not level else "",
        "first_url": f"{url}&{urlencode(chosen)}" if first > 1 else "",
        "next_url": f"{url}&{urlencode({**chosen, 'line': page.next_line})}"
        if page.next_line
        else "",
    }


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _hits(text: Member, phrase: str, first: int, url: str) -> dict[str, Any]:
    found = search(text, phrase, first)
    more = urlencode({"q": phrase, "line": found.next_line})
    return {
        "hits": _shown(found.hits, text.encoding, url, phrase),
        "next_url": f"{url}&{more}" if found.next_line else "",
        "first": first,
    }


def hits_of(part: Any, phrase: str) -> list[list[ShownLine]]:
    """The hits in one of several logs, each with the lines around it."""
    url = f"/logs/{part.log.uuid}/?file={part.entry.place}"
    return _shown(part.found.hits, part.encoding, url, phrase)


def _shown(hits: Iterable[Any], encoding: str, url: str, phrase: str) -> list[list[ShownLine]]:
    return [
        [
            *(show_line(line, encoding, url) for line in hit.before),
            show_line(hit.line, encoding, url, phrase=phrase, is_hit=True),
            *(show_line(line, encoding, url) for line in hit.after),
        ]
        for hit in hits
    ]
