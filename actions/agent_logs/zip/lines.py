"""Reads the lines of a log: their numbers, levels and times."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum

from actions.agent_logs.zip.members import Checkpoint, Member

PAGE = 300
"""Lines of one page."""

MAX_SHOWN = 4_000
"""Bytes shown of one line; a longer one is cut and marked."""

MAX_LINE = 2**20
"""Bytes of one line that are searched."""

SCAN = 16 * 2**20
"""Bytes that one page of a level may scan; then it offers to continue."""

SEARCH = 256 * 2**20
"""Bytes that one search may scan; then it offers to continue."""

MAX_HITS = 100
AROUND = 2
"""Lines shown before and after a hit."""

MAX_PHRASE = 200


class Level(IntEnum):
    """The level that a line names; NONE if it names none."""

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
_LEVEL_MARKS = {
    Level.DEBUG: re.compile(rb"[A-Z]{3}"),
    Level.INFO: re.compile(rb"INF|NOTICE|WARN|WRN|ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
    Level.WARNING: re.compile(rb"WARN|WRN|ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
    Level.ERROR: re.compile(rb"ERR|FATAL|CRITICAL|SEVERE|PANIC|ALERT|EMERG"),
}
"""What a block must contain for one of its lines to have that level."""

_TIME = re.compile(
    rb"(\d{4})[-/.](\d\d)[-/.](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?"
)
_TIME_WITHIN = 64
_END = b"\n"
_REACH = 2 * MAX_SHOWN


@dataclass(frozen=True, slots=True)
class Line:
    """One line in UTF-8 (or the file's own encoding); `cut` counts the bytes left out."""

    number: int
    raw: bytes
    cut: int = 0
    level: Level = Level.NONE

    def text(self, encoding: str) -> str:
        """Return the line as text; bytes that do not fit the encoding are replaced."""
        raw = self.raw.removesuffix(b"\r")
        if encoding == "cp1252":
            return raw.decode("cp1252", "replace")
        text = raw.decode("utf-8", "replace" if self.cut else "backslashreplace")
        return text.removeprefix("\ufeff") if self.number == 1 else text


@dataclass(frozen=True, slots=True)
class LinePage:
    """A page of lines. `next_line` is the first line of the next page, 0 at the end.

    `stopped` says that SCAN bytes were read without filling the page: continue at `next_line`.
    """

    lines: tuple[Line, ...]
    next_line: int
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A line with the phrase, and the lines around it."""

    line: Line
    before: tuple[Line, ...]
    after: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one search; `next_line` is the line to continue at, 0 at the end."""

    hits: tuple[Hit, ...]
    next_line: int
    scanned: int


def level_of(raw: bytes) -> Level:
    """Return the level that a line names near its start, in capitals only."""
    found = _LEVEL.search(raw, 0, _LEVEL_WITHIN)
    return Level(found.lastindex or 0) if found else Level.NONE


def time_of(raw: bytes) -> datetime | None:
    """Return the time at the start of a line, as UTC if it names no zone."""
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
    """Yield blocks of whole lines; without the first line unless the offset is 0."""
    number, carry, cut = start.line, b"", 0
    skipping = start.offset > 0
    for data in member.chunks(start):
        chunk = data
        if skipping:
            first_end = chunk.find(_END) + 1
            if not first_end:
                continue
            chunk, number, skipping = chunk[first_end:], number + 1, False
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
    """Yield the lines of a block."""
    number, data, cut = block
    for index, raw in enumerate(data.removesuffix(_END).split(_END)):
        omitted = cut if index == 0 else 0
        yield Line(number + index, raw[:MAX_SHOWN], omitted + max(0, len(raw) - MAX_SHOWN))


def _checkpoint_before(member: Member, line: int) -> Checkpoint:
    """Return a checkpoint before the line, because the first line after one is left out."""
    return member.before_line(max(1, line - 1))


def read_page(member: Member, first: int, level: Level = Level.NONE) -> LinePage:
    """Return the page that begins at a line, of all lines or of those of at least a level.

    A line without a level has the level of the line before it, as in a traceback.
    """
    kept: list[Line] = []
    current, scanned = Level.NONE, 0
    for block in blocks_from(member, _checkpoint_before(member, first)):
        if scanned > SCAN:
            return LinePage(tuple(kept), block[0], stopped=True)
        if level and current < level and not _LEVEL_MARKS[level].search(block[1]):
            scanned += len(block[1]) // 16  # No such line in it: skipped.
            continue
        scanned += len(block[1])
        for line in lines_of(block):
            own = level_of(line.raw)
            current = own or (Level.NONE if time_of(line.raw) else current)
            if line.number < first or current < level:
                continue
            if len(kept) == PAGE:
                return LinePage(tuple(kept), line.number)
            kept.append(replace(line, level=current))
    return LinePage(tuple(kept), 0)


def search(member: Member, phrase: str, first: int = 1, limit: int = MAX_HITS) -> SearchResult:
    """Return the lines with the phrase, from `first` on; case is ignored."""
    needle = _needle(member, phrase)
    hits: list[Hit] = []
    scanned, tail = 0, b""
    for block in blocks_from(member, _checkpoint_before(member, first)):
        number, data, _ = block
        if scanned > SEARCH:
            return SearchResult(tuple(hits), number, scanned)
        scanned += len(data)
        if needle in data.lower():
            for hit in _hits_in(block, needle, tail):
                if hit.line.number >= first:
                    if len(hits) == limit:
                        return SearchResult(tuple(hits), hit.line.number, scanned)
                    hits.append(hit)
        tail = data
    return SearchResult(tuple(hits), 0, scanned)


def _hits_in(block: Block, needle: bytes, block_before: bytes) -> Iterator[Hit]:
    """Yield the hits of a block; lines before its first one come from the block before."""
    number, data, _ = block
    low, at, counted = data.lower(), 0, 0
    while (at := low.find(needle, at)) >= 0:
        start = data.rfind(_END, 0, at) + 1
        number += data.count(_END, counted, start)
        counted = start
        end = data.find(_END, at)
        end = len(data) if end < 0 else end
        near = data[max(0, start - _REACH) : start]
        if len(near) < _REACH:
            near = block_before[len(near) - _REACH :] + near
        before = near.removesuffix(_END).split(_END)[-AROUND:] if near else []
        after = data[end + 1 : end + 1 + _REACH].split(_END)[:AROUND]
        yield Hit(
            _found_line(number, data[start:end], at - start),
            tuple(_short(number - len(before) + index, raw) for index, raw in enumerate(before)),
            tuple(_short(number + 1 + index, raw) for index, raw in enumerate(after) if raw),
        )
        at = end


def _found_line(number: int, raw: bytes, at: int) -> Line:
    """Return the line of a hit; of a very long one the part around the phrase."""
    start = at - MAX_SHOWN // 4 if at > MAX_SHOWN // 2 else 0
    part = raw[start : start + MAX_SHOWN]
    return Line(number, part, len(raw) - len(part), level_of(raw))


def _short(number: int, raw: bytes) -> Line:
    return Line(number, raw[:MAX_SHOWN], max(0, len(raw) - MAX_SHOWN), level_of(raw))


def _needle(member: Member, phrase: str) -> bytes:
    encoding = "cp1252" if member.encoding == "cp1252" else "utf-8"
    return phrase.encode(encoding, "replace").lower()


def line_at(member: Member, at: datetime) -> int:
    """Return the first line not before a time, in a log with growing times; 0 for none.

    The first call reads the whole file; later ones only the part between two checkpoints.
    """
    for _ in member.chunks(member.checkpoints()[-1]):
        pass  # Only to record all checkpoints.
    start, *later = member.checkpoints()
    for checkpoint in later:
        first = _first_time(member, checkpoint)
        if first and first >= at:
            break
        start = checkpoint if first else start
    for block in blocks_from(member, start):
        for line in lines_of(block):
            found = time_of(line.raw)
            if found and found >= at:
                return line.number
    return 0


def _first_time(member: Member, checkpoint: Checkpoint) -> datetime | None:
    """Return the first time after a checkpoint, within a block."""
    block = next(blocks_from(member, checkpoint), None)
    found = map(time_of, (line.raw for line in lines_of(block)) if block else ())
    return next(filter(None, found), None)
