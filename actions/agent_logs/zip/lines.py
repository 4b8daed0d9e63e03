"""The lines of a log: their numbers, and what level and time they carry where they say so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum

from actions.agent_logs.zip.members import Checkpoint, Member

PAGE = 300
"""Lines of one page."""

MAX_SHOWN = 4_000
"""Bytes shown of one line; a longer one is cut, and says so."""

MAX_LINE = 2**20
"""Bytes of one line that are searched."""

SCAN = 16 * 2**20
"""Bytes of lines that one page may look at for those of a level; then it offers to go on."""

SEARCH = 256 * 2**20
"""Bytes that one search may look through; then it offers to go on."""

MAX_HITS = 100
AROUND = 2
"""Lines shown before and after a hit."""

MAX_PHRASE = 200


class Level(IntEnum):
    """How serious a line says it is; a line that says nothing is NONE."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4


_LEVEL = re.compile(
    rb"(?<![A-Za-z0-9_])(?:(TRACE|VERBOSE|DEBUG|DBG)|(INFO|INFORMATION|NOTICE|INF)"
    rb"|(WARN|WARNING|WRN)|(ERROR|ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG))(?![A-Za-z0-9_])",
)
_LEVEL_WITHIN = 160
_WORDS = {
    Level.DEBUG: re.compile(rb"[A-Z]{3}"),
    Level.INFO: re.compile(rb"INF|NOTICE|WARN|WRN|ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
    Level.WARNING: re.compile(rb"WARN|WRN|ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
    Level.ERROR: re.compile(rb"ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
}
"""What a stretch must hold at least if a line of it is that serious."""

_TIME = re.compile(
    rb"(\d{4})[-/.](\d\d)[-/.](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?"
)
_TIME_WITHIN = 64
_END = b"\n"
_REACH = 2 * MAX_SHOWN


@dataclass(frozen=True, slots=True)
class Line:
    """One line as bytes of UTF-8 (or of the file's own encoding); `cut` counts what is left out."""

    number: int
    raw: bytes
    cut: int = 0
    level: Level = Level.NONE

    def text(self, encoding: str) -> str:
        """The line as text; what does not fit the encoding is shown as it can be."""
        raw = self.raw.removesuffix(b"\r")
        if encoding == "cp1252":
            return raw.decode("cp1252", "replace")
        text = raw.decode("utf-8", "replace" if self.cut else "backslashreplace")
        return text.removeprefix("\ufeff") if self.number == 1 else text


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some lines of a file. `next_line` is where the next page begins, 0 at the end.

    `stopped` says that the lines looked through were many and hardly any fitted: go on from there.
    """

    lines: tuple[Line, ...]
    next_line: int
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that holds the phrase, and those around it."""

    line: Line
    before: tuple[Line, ...]
    after: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one search; `next_line` says where to go on, 0 when all was looked through."""

    hits: tuple[Hit, ...]
    next_line: int
    looked: int


def level_of(raw: bytes) -> Level:
    """The level that a line names near its beginning; words in capitals only."""
    found = _LEVEL.search(raw, 0, _LEVEL_WITHIN)
    return Level(found.lastindex or 0) if found else Level.NONE


def time_of(raw: bytes) -> datetime | None:
    """The moment that a line begins with, taken as UTC where it names no zone."""
    found = _TIME.search(raw, 0, _TIME_WITHIN)
    if not found:
        return None
    try:
        zone = (found[7] or b"Z").decode().replace(":", "")
        text = "-".join(part.decode() for part in found.groups()[:6])
        return datetime.strptime(text + zone, "%Y-%m-%d-%H-%M-%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


Block = tuple[int, bytes, int]
"""The number of its first line, whole lines, and how many bytes the first line lacks."""


def blocks_from(member: Member, start: Checkpoint) -> Iterator[Block]:
    """Whole lines in bulk; the first is left out unless the place begins the file."""
    number, carry, cut = start.line, b"", 0
    skipping = start.offset > 0
    for data in member.chunks(start):
        chunk = data
        if skipping:
            begin = chunk.find(_END) + 1
            if not begin:
                continue
            chunk, number, skipping = chunk[begin:], number + 1, False
        end = chunk.rfind(_END) + 1
        if end:
            block = carry + chunk[:end]
            yield number, block, cut
            number, carry, cut = number + block.count(_END), chunk[end:], 0
            continue
        carry += chunk
        cut += max(0, len(carry) - MAX_LINE)
        carry = carry[:MAX_LINE]
    if carry:
        yield number, carry, cut


def lines_of(block: Block) -> Iterator[Line]:
    """The lines of a block."""
    number, data, cut = block
    for place, raw in enumerate(data.removesuffix(_END).split(_END)):
        lost = cut if place == 0 else 0
        yield Line(number + place, raw[:MAX_SHOWN], lost + max(0, len(raw) - MAX_SHOWN))


def lines_from(member: Member, first: int) -> Iterator[Line]:
    """The lines from that one on."""
    for block in blocks_from(member, _place_for(member, first)):
        yield from (line for line in lines_of(block) if line.number >= first)


def _place_for(member: Member, line: int) -> Checkpoint:
    """Where to begin so that the line is not the first, which is left out inside of a file."""
    return member.before_line(max(1, line - 1))


def read_page(member: Member, first: int, level: Level = Level.NONE) -> LinePage:
    """The page that begins at a line, of all lines or of those at least that serious.

    A line that names no level belongs to the one before it, as the lines of a traceback do.
    """
    kept: list[Line] = []
    current, looked = Level.NONE, 0
    for block in blocks_from(member, _place_for(member, first)):
        if looked > SCAN:
            return LinePage(tuple(kept), block[0], stopped=True)
        if level and current < level and not _WORDS[level].search(block[1]):
            looked += len(block[1]) // 16  # Nothing in it: passed without looking at its lines.
            continue
        looked += len(block[1])
        for line in lines_of(block):
            own = level_of(line.raw)
            current = own or (Level.NONE if time_of(line.raw) else current)
            if line.number < first or current < level:
                continue
            if len(kept) == PAGE:
                return LinePage(tuple(kept), line.number)
            kept.append(replace(line, level=current))
    return LinePage(tuple(kept), 0)


def search(member: Member, phrase: str, first: int = 1, most: int = MAX_HITS) -> SearchResult:
    """The lines from `first` on that hold the phrase; small and capital letters are alike."""
    needle = _needle(member, phrase)
    hits: list[Hit] = []
    looked, tail = 0, b""
    for block in blocks_from(member, _place_for(member, first)):
        number, data, _ = block
        if looked > SEARCH:
            return SearchResult(tuple(hits), number, looked)
        looked += len(data)
        if needle in data.lower():
            for hit in _hits_in(block, needle, tail):
                if hit.line.number >= first:
                    if len(hits) == most:
                        return SearchResult(tuple(hits), hit.line.number, looked)
                    hits.append(hit)
        tail = data
    return SearchResult(tuple(hits), 0, looked)


def _hits_in(block: Block, needle: bytes, block_before: bytes) -> Iterator[Hit]:
    """The hits of a block; what stands before its first line is looked up in the block before."""
    number, data, _ = block
    low, at, counted = data.lower(), 0, 0
    while (at := low.find(needle, at)) >= 0:
        begin = data.rfind(_END, 0, at) + 1
        number += data.count(_END, counted, begin)
        counted = begin
        end = data.find(_END, at)
        end = len(data) if end < 0 else end
        near = data[max(0, begin - _REACH) : begin]
        if len(near) < _REACH:
            near = block_before[len(near) - _REACH :] + near
        before = near.removesuffix(_END).split(_END)[-AROUND:] if near else []
        after = data[end + 1 : end + 1 + _REACH].split(_END)[:AROUND]
        yield Hit(
            _found_line(number, data[begin:end], at - begin),
            tuple(_short(number - len(before) + place, raw) for place, raw in enumerate(before)),
            tuple(_short(number + 1 + place, raw) for place, raw in enumerate(after) if raw),
        )
        at = end


def _found_line(number: int, raw: bytes, at: int) -> Line:
    """The line of a hit; of a very long one the part around the phrase."""
    begin = at - MAX_SHOWN // 4 if at > MAX_SHOWN // 2 else 0
    part = raw[begin : begin + MAX_SHOWN]
    return Line(number, part, len(raw) - len(part), level_of(raw))


def _short(number: int, raw: bytes) -> Line:
    return Line(number, raw[:MAX_SHOWN], max(0, len(raw) - MAX_SHOWN), level_of(raw))


def _needle(member: Member, phrase: str) -> bytes:
    encoding = "cp1252" if member.encoding == "cp1252" else "utf-8"
    return phrase.encode(encoding, "replace").lower()


def line_at(member: Member, moment: datetime) -> int:
    """The first line that is not before a moment, in a log whose times grow; 0 for none.

    The whole file is passed once; after that only one stretch between two places is looked at.
    """
    for _ in member.chunks(member.places()[-1]):
        pass  # Only so that all places are known.
    start, *later = member.places()
    for place in later:
        first = _first_time(member, place)
        if first and first >= moment:
            break
        start = place if first else start
    for block in blocks_from(member, start):
        for line in lines_of(block):
            found = time_of(line.raw)
            if found and found >= moment:
                return line.number
    return 0


def _first_time(member: Member, place: Checkpoint) -> datetime | None:
    """The first moment named after a place, within a block."""
    block = next(blocks_from(member, place), None)
    found = map(time_of, (line.raw for line in lines_of(block)) if block else ())
    return next((moment for moment in found if moment), None)
