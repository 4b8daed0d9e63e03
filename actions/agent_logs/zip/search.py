"""Searches a phrase in a log."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from actions.agent_logs.zip.levels import level_of
from actions.agent_logs.zip.lines import (
    END,
    MAX_SHOWN,
    Block,
    Line,
    blocks_from,
    checkpoint_before,
    line_of,
)
from actions.agent_logs.zip.members import Member

SEARCH = 256 * 2**20
"""Bytes that one search may scan; then it offers to continue."""

MAX_HITS = 100
AROUND = 2
"""Lines shown before and after a hit."""

MAX_PHRASE = 200

_REACH = 2 * MAX_SHOWN

Find = Callable[[int], int]
"""Returns where a phrase is from an offset on, -1 for nowhere."""


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


def search(member: Member, phrase: str, first: int = 1, limit: int = MAX_HITS) -> SearchResult:
    """Return the lines with the phrase, from `first` on; case is ignored."""
    places_in = _finder(phrase)
    hits: list[Hit] = []
    scanned, tail = 0, b""
    for block in blocks_from(member, checkpoint_before(member, first)):
        number, data, _ = block
        if scanned > SEARCH:
            return SearchResult(tuple(hits), number, scanned)
        scanned += len(data)
        find = places_in(data)
        if find(0) >= 0:
            for hit in _hits_in(block, find, tail):
                if hit.line.number >= first:
                    if len(hits) == limit:
                        return SearchResult(tuple(hits), hit.line.number, scanned)
                    hits.append(hit)
        tail = data
    return SearchResult(tuple(hits), 0, scanned)


def _hits_in(block: Block, find: Find, block_before: bytes) -> Iterator[Hit]:
    """Yield the hits of a block; lines before its first one come from the block before."""
    number, data, _ = block
    at = counted = 0
    while (at := find(at)) >= 0:
        start = data.rfind(END, 0, at) + 1
        number += data.count(END, counted, start)
        counted = start
        end = data.find(END, at)
        end = len(data) if end < 0 else end
        near = data[max(0, start - _REACH) : start]
        if len(near) < _REACH:
            near = block_before[len(near) - _REACH :] + near
        before = near.removesuffix(END).split(END)[-AROUND:] if near else []
        after = data[end + 1 : end + 1 + _REACH].split(END)[:AROUND]
        yield Hit(
            _found_line(number, data[start:end], at - start),
            tuple(_context(number - len(before) + index, raw) for index, raw in enumerate(before)),
            tuple(_context(number + 1 + index, raw) for index, raw in enumerate(after) if raw),
        )
        at = end


def _found_line(number: int, raw: bytes, at: int) -> Line:
    """Return the line of a hit; of a very long one the part around the phrase."""
    start = at - MAX_SHOWN // 4 if at > MAX_SHOWN // 2 else 0
    part = raw[start : start + MAX_SHOWN]
    return Line(number, part, len(raw) - len(part), _context(number, raw).level)


def _context(number: int, raw: bytes) -> Line:
    line = line_of(number, raw)
    return replace(line, level=level_of(line.ends))


def _finder(phrase: str) -> Callable[[bytes], Find]:
    """Return a function that prepares a block, and returns where the phrase is from an offset on.

    Case is ignored in every alphabet, and so is whether letters are composed of two characters.
    """
    if phrase.isascii():
        needle = phrase.lower().encode()

        def of_ascii(data: bytes) -> Find:
            low = data.lower()
            return lambda at: low.find(needle, at)

        return of_ascii
    forms = {unicodedata.normalize(form, phrase) for form in ("NFC", "NFD")}
    pattern = re.compile(b"|".join(map(_any_case, sorted(forms))))

    def of_any(data: bytes) -> Find:
        return lambda at: found.start() if (found := pattern.search(data, at)) else -1

    return of_any


def _any_case(text: str) -> bytes:
    """Return a pattern for the UTF-8 bytes of a text in any case."""
    choices = (sorted({each, each.lower(), each.upper()}) for each in text)
    return b"".join(
        b"(?:" + b"|".join(re.escape(each.encode()) for each in choice) + b")" for choice in choices
    )
