"""Reads the level that a line of a log names, in the forms that agents and systems write."""

import re
from enum import IntEnum

from actions.agent_logs.zip.times import end_of_time, without_colours

_WITHIN = 160
"""Bytes at the start of a line in which its level stands."""


class Level(IntEnum):
    """The level that a line names; NONE if it names none."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4


_WORDS = {
    Level.DEBUG: b"trace verbose debug dbg debu dbug trce vrb fine finer finest",
    Level.INFO: b"info information informational notice inf",
    Level.WARNING: b"warn warning wrn",
    Level.ERROR: b"error err erro fatal fata ftl fail critical crit severe panic alert emerg "
    b"emergency",
}
_LETTERS = {Level.DEBUG: b"DVT", Level.INFO: b"IN", Level.WARNING: b"W", Level.ERROR: b"EFC"}
_LEVEL_OF_WORD = {word: level for level, words in _WORDS.items() for word in words.split()}
_LEVEL_OF_LETTER = {bytes((each,)): level for level in _LETTERS for each in _LETTERS[level]}

_WORD = re.compile(rb"(?<![a-z0-9_])(?:" + b"|".join(_LEVEL_OF_WORD) + rb")(?![a-z0-9_])")
_LETTER = re.compile(rb"(?<![A-Za-z0-9_])[DVTINWEFC](?=[\s|\])>,;:/-]|\d{4} |$)")
_FIELD = re.compile(rb"(?:level|lvl|severity|@l)[\"'\s]*[=:][\"'\s]*$")
_NUMBER = re.compile(rb"\b(?:0x)?[0-9A-Fa-f]*\d[0-9A-Fa-f]*\b")
_HAS_LETTER = re.compile(rb"[A-Za-z]")
_CMTRACE = re.compile(rb'\btype="([123])"')
_CMTRACE_LEVELS = {b"1": Level.INFO, b"2": Level.WARNING, b"3": Level.ERROR}


def _words_from(lowest: Level) -> list[bytes]:
    """Return the words of a level and of worse ones; one that begins with another is left out."""
    words = b" ".join(_WORDS[level] for level in Level if level >= lowest).split()
    return [word for word in words if not any(word.startswith(w) for w in words if w != word)]


def _letters_from(lowest: Level) -> "re.Pattern[bytes]":
    letters = b"".join(_LETTERS[level] for level in Level if level >= lowest)
    # The letter stands first in the pattern: it is found much faster than the place before it.
    return re.compile(b"[" + letters + rb"](?<![A-Za-z0-9_].)(?![A-Za-z_])|type=\"")


_MARKS = {level: (_words_from(level), _letters_from(level)) for level in _WORDS}


def may_name(level: Level, data: bytes) -> bool:
    """Return whether a text may hold a line of at least that level: a fast check."""
    words, letters = _MARKS[level]
    data = without_colours(data)
    low = data.lower()
    return any(word in low for word in words) or letters.search(data) is not None


def level_of(raw: bytes) -> Level:
    """Return the level that a line names first, near its start or as the type of CMTrace.

    A word counts in capitals; in any case if it stands in brackets, before a colon, as the value of
    a field, as the first cell of a row, or first after the time. A single letter counts first after
    the time, or at the start.
    """
    if b"]LOG]!>" in raw:
        found = _CMTRACE.search(raw)
        return _CMTRACE_LEVELS[found[1]] if found else Level.NONE
    head = without_colours(raw)[:_WITHIN]
    letter = _LETTER.search(head)
    if letter and not _is_letter_of_level(head, letter):
        letter = None
    for word in _WORD.finditer(head.lower()):
        if letter and letter.start() < word.start():
            break
        if _counts(head, word.start(), word.end()):
            return _LEVEL_OF_WORD[word[0]]
    return _LEVEL_OF_LETTER[letter[0]] if letter else Level.NONE


def _counts(head: bytes, start: int, end: int) -> bool:
    before, after = head[:start].rstrip(b" "), head[end:].lstrip(b" ")
    if head[start:end].isupper() or after[:1] == b":":
        return True
    if before[-1:] in b"[(<{|:" and before and after[:1] in b"])>}|" and after:
        return True
    if before in (b"", b'"') and after.lstrip(b'"')[:1] in (b",", b";", b"\t"):
        return True
    return bool(_FIELD.search(before.lower())) or _is_first(head, start)


def _is_first(head: bytes, start: int) -> bool:
    """Return whether only signs and numbers stand between the time of a line and an offset."""
    end = end_of_time(head)
    return 0 < end <= start and not _HAS_LETTER.search(_NUMBER.sub(b"", head[end:start]))


def _is_letter_of_level(head: bytes, found: "re.Match[bytes]") -> bool:
    """Return whether a single letter is a level and not a word, as "I" is."""
    if _is_first(head, found.start()):
        return True
    starts = not head[: found.start()].strip(b" \t[(<|")
    return starts and head[found.end() : found.end() + 1] not in (b"", b" ", b"-", b"\r")
