"""Reads the lines of a log by page, level and time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from actions.agent_logs.zip.levels import Level, level_of, may_name
from actions.agent_logs.zip.members import Checkpoint, Member
from actions.agent_logs.zip.times import Clock, Stamp, day_comes_first, end_of_time, may_hold_times

PAGE = 300
"""Lines of one page."""

MAX_SHOWN = 4_000
"""Bytes shown of one line; a longer one is cut and marked."""

MAX_LINE = 2**20
"""Bytes of one line that are searched."""

SCAN = 16 * 2**20
"""Bytes that one page of a level may scan; then it offers to continue."""

_COST_OF_A_LINE = 64
"""Bytes that a line counts besides its own: a file of empty lines takes time, too."""

MAX_JUMP = 300_000
"""Lines whose times a jump may read one by one."""

_FIRST_LINES = 1_000
"""Lines in which a time is looked for behind a checkpoint."""

_DATES = 64 * 2**20
"""Bytes in which a date that shows the order of day and month is looked for."""


END = b"\n"
_TAIL = 500
"""Bytes at the end of a long line, where CMTrace writes its time and level."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line in UTF-8; `cut` counts the bytes left out.

    `ends` is what its level and time are read from: the line, or both ends of a cut one.
    """

    number: int
    raw: bytes
    cut: int = 0
    level: Level = Level.NONE
    ends: bytes = b""

    @property
    def text(self) -> str:
        """Return the line as text; bytes that are not UTF-8 are shown as their numbers."""
        raw = self.raw.removesuffix(b"\r")
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
class Jump:
    """The line at a time, 0 if all times are earlier.

    `last` is the last time that was read, None if no line of the file has one that is understood.
    `assumed` is what was assumed to read the times. `stopped` is the line at which MAX_JUMP lines
    had been read, 0 if the search ended before.
    """

    line: int
    last: datetime | None
    assumed: str = ""
    stopped: int = 0


Block = tuple[int, bytes, int]
"""The number of its first line, whole lines, and how many bytes the first line lacks."""


def blocks_from(member: Member, start: Checkpoint) -> Iterator[Block]:
    """Yield blocks of whole lines; without the first line unless the offset is 0."""
    number, carry, cut = start.line, b"", 0
    skipping = start.offset > 0
    for data in member.chunks(start):
        chunk = data
        if skipping:
            first_end = chunk.find(END) + 1
            if not first_end:
                continue
            chunk, number, skipping = chunk[first_end:], number + 1, False
        end = chunk.rfind(END) + 1
        if end:
            block = carry + chunk[:end]
            yield number, block, cut
            number, carry, cut = number + block.count(END), chunk[end:], 0
            continue
        carry += chunk
        cut += max(0, len(carry) - MAX_LINE)
        carry = carry[:MAX_LINE]
    if carry:
        yield number, carry, cut


def lines_of(block: Block) -> Iterator[Line]:
    """Yield the lines of a block."""
    number, data, cut = block
    for index, raw in enumerate(data.removesuffix(END).split(END)):
        omitted = cut if index == 0 else 0
        yield line_of(number + index, raw, omitted)


def line_of(number: int, raw: bytes, omitted: int = 0) -> Line:
    """Return a line, cut if it is long."""
    if len(raw) <= MAX_SHOWN:
        return Line(number, raw, omitted, ends=raw)
    ends = raw[:MAX_SHOWN] + raw[-_TAIL:]
    return Line(number, raw[:MAX_SHOWN], omitted + len(raw) - MAX_SHOWN, ends=ends)


def checkpoint_before(member: Member, line: int) -> Checkpoint:
    """Return a checkpoint before the line, because the first line after one is left out."""
    return member.before_line(max(1, line - 1))


def read_page(member: Member, first: int, level: Level = Level.NONE) -> LinePage:
    """Return the page that begins at a line, of all lines or of those of at least a level.

    A line without a level has the level of the line before it, as in a traceback.
    """
    kept: list[Line] = []
    current, scanned = Level.NONE, 0
    for block in blocks_from(member, checkpoint_before(member, first)):
        if scanned > SCAN:
            return LinePage(tuple(kept), block[0], stopped=True)
        if level and current < level and not may_name(level, block[1]):
            scanned += len(block[1]) // 16  # No such line in it: skipped.
            continue
        lines = block[1].count(END)
        if block[0] + lines < first:
            continue  # Before the page.
        scanned += len(block[1]) + _COST_OF_A_LINE * lines
        for line in lines_of(block):
            own = level_of(line.ends)
            current = own or (Level.NONE if end_of_time(line.ends) >= 0 else current)
            if line.number < first or current < level:
                continue
            if len(kept) == PAGE:
                return LinePage(tuple(kept), line.number)
            kept.append(replace(line, level=current))
    return LinePage(tuple(kept), 0)


def names_levels(member: Member) -> bool:
    """Return whether any line, within the first SCAN bytes, names a level."""
    scanned = 0
    for block in blocks_from(member, member.before_line(1)):
        if any(level_of(line.ends) for line in lines_of(block)):
            return True
        scanned += len(block[1]) + _COST_OF_A_LINE * block[1].count(END)
        if scanned > SCAN:
            break
    return False


def line_at(member: Member, at: datetime) -> int:
    """Return the first line not before a time, in a log with growing times; 0 for none."""
    return jump(member, at, datetime.now(UTC)).line


def jump(member: Member, at: datetime, stored_at: datetime) -> Jump:
    """Find the first line not before a time, in a log with growing times.

    A time without a zone is compared with the times as the file writes them. The first call reads
    the whole file; later ones only the part between two checkpoints.
    """
    clock = clock_of(member, stored_at)
    for _ in member.chunks(member.checkpoints()[-1]):
        pass  # Only to record all checkpoints.
    start, *later = member.checkpoints()
    last: Stamp | None = None
    for checkpoint in later:
        first = _first_stamp(member, checkpoint, clock)
        if first and not _is_before(first, at):
            break
        start, last = (checkpoint, first) if first else (start, last)
    stopped = 0
    lines = (line for block in blocks_from(member, start) for line in _lines_with_times(block))
    for count, line in enumerate(lines):
        stamp = clock.read(line.ends)
        last = stamp or last
        if stamp and not _is_before(stamp, at):
            return Jump(line.number, stamp.at, stamp.assumed)
        if count == MAX_JUMP:
            stopped = line.number
            break
    return Jump(0, last.at, last.assumed, stopped) if last else Jump(0, None, stopped=stopped)


def _lines_with_times(block: Block) -> Iterator[Line]:
    """Yield the lines of a block, none if none can have a time."""
    return lines_of(block) if may_hold_times(block[1]) else iter(())


def clock_of(member: Member, stored_at: datetime) -> Clock:
    """Return the clock of a file: the dates of the file show the order of day and month."""
    if not member.dates_were_read:
        read = 0
        for _, data, _ in blocks_from(member, member.before_line(1)):
            member.day_first = day_comes_first(data)
            read += len(data)
            if member.day_first is not None or read > _DATES:
                break
        member.dates_were_read = True
    return Clock(stored_at, member.day_first)


def _is_before(stamp: Stamp, at: datetime) -> bool:
    return (stamp.at if at.tzinfo else stamp.at.replace(tzinfo=None)) < at


def _first_stamp(member: Member, checkpoint: Checkpoint, clock: Clock) -> Stamp | None:
    """Return the first time after a checkpoint, within a block."""
    block = next(blocks_from(member, checkpoint), None)
    lines = islice(_lines_with_times(block), _FIRST_LINES) if block else ()
    found = (clock.read(line.ends) for line in lines)
    return next(filter(None, found), None)
