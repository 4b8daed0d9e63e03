"""The rows of one sheet, as a person sees them: what is hidden is left out and counted."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from actions.selections.xlsx.formats import FORMATTED, NO_TEXT, UNCALCULATED, Formats
from actions.selections.xlsx.package import (
    BROKEN,
    TOO_LARGE,
    Attributes,
    EndOfPart,
    Handler,
    Unreadable,
)

MAX_ROW = 1_048_576
MAX_COLUMN = 16_384
MAX_MERGED = 2_000_000
"""Rows that all merged ranges of a sheet cover together."""

TOO_MANY_ROWS = "The sheet has more rows than a list may have. Split it, or delete its blank rows."

_LEAST_SIZE = 1.0
"""A row of less than a point, or a column of less than a character, shows nothing."""

_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})", re.ASCII)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")

Cell = str | int | tuple[str | int, str]
"""A text, the number of a shared text, or one of them with the reason not to use it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a sheet is kept: rows, columns, characters of a cell; hidden ones or not."""

    rows: int
    columns: int
    characters: int
    with_hidden: bool = False


@dataclass(slots=True)
class Left:
    """What is left out: hidden rows, hidden columns, cells under merged ones, far columns."""

    rows: int = 0
    columns: set[int] = field(default_factory=set)
    covered: int = 0
    far: bool = False


class SheetHandler(Handler):
    """Collects the rows of a sheet that are not blank: number of the row, and cells by column."""

    def __init__(self, formats: Formats, bounds: Bounds) -> None:
        self._formats, self._bounds = formats, bounds
        self.rows: list[tuple[int, dict[int, Cell]]] = []
        self.shared: set[int] = set()
        self.left = Left()
        self._columns = bytearray(MAX_COLUMN + 1)  # 0 as by default, 1 seen, 2 hidden.
        self._is_column_hidden = False
        self._number, self._column = 0, 0
        self._is_row_hidden = False
        self._cells: dict[int, Cell] = {}
        self._cell: Attributes = {}
        self._pieces: list[str] = []
        self._collects = self._has_formula = self._has_value = self._in_phonetic = False
        self._merged: list[tuple[int, int, int, int]] = []

    def start(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            self._collects = not self._in_phonetic
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            self._start_row(attributes)
        elif name == "rPh":
            self._in_phonetic = True
        else:
            self._start_other(name, attributes)

    def _start_other(self, name: str, attributes: Attributes) -> None:
        if name == "col":
            first, last = _number(attributes.get("min")), _number(attributes.get("max"))
            hidden = _is_true(attributes.get("hidden")) or _is_unseen(attributes.get("width"))
            places = range(max(first, 1), min(last, MAX_COLUMN) + 1)
            self._columns[places.start : places.stop] = bytes([1 + hidden]) * len(places)
        elif name == "sheetFormatPr":
            self._is_column_hidden = _is_unseen(attributes.get("defaultColWidth"))
        elif name == "mergeCell":
            self._merged.append(_range(attributes.get("ref", "")))

    def text(self, data: str) -> None:
        """Take a piece of text."""
        if self._collects and len(self._pieces) <= self._bounds.characters:
            self._pieces.append(data)

    def end(self, name: str) -> None:
        """End an element."""
        if name in ("v", "t"):
            self._collects = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._in_phonetic = False
        elif name == "worksheet":
            self._drop_covered()

    def _start_row(self, attributes: Attributes) -> None:
        given = attributes.get("r")
        self._number = self._number + 1 if given is None else _number(given)
        if not 1 <= self._number <= MAX_ROW:
            raise Unreadable(BROKEN)
        hidden = _is_true(attributes.get("hidden")) or _is_unseen(attributes.get("ht"))
        self._is_row_hidden = hidden and not self._bounds.with_hidden
        self._cells, self._column = {}, 0

    def _end_row(self) -> None:
        if not self._cells:
            return
        if self._is_row_hidden:
            self.left.rows += 1
            return
        self.rows.append((self._number, self._cells))
        if len(self.rows) > self._bounds.rows:
            raise Unreadable(TOO_MANY_ROWS)

    def _start_cell(self, attributes: Attributes) -> None:
        reference = attributes.get("r")
        self._column = _column(reference) if reference else self._column + 1
        if not 1 <= self._column <= MAX_COLUMN:
            raise Unreadable(BROKEN)
        self._cell, self._pieces = attributes, []
        self._collects = self._has_formula = self._has_value = False

    def _end_cell(self) -> None:
        cell = self._read_cell()
        if cell is None:
            return
        if not self._bounds.with_hidden and self._is_hidden(self._column):
            self.left.columns.add(self._column)
            return
        if self._column > self._bounds.columns:
            self.left.far = True
            return
        self._cells[self._column] = cell
        shared = cell[0] if isinstance(cell, tuple) else cell
        if isinstance(shared, int) and not self._is_row_hidden:
            self.shared.add(shared)

    def _read_cell(self) -> Cell | None:
        """Return what the current cell shows; None for a blank one."""
        raw, style = "".join(self._pieces), self._cell.get("s")
        kind = self._cell.get("t", "n")
        if self._has_formula and not raw and not (kind == "str" and self._has_value):
            return ("(formula)", UNCALCULATED)
        if kind == "s":
            return self._shared_text(raw.strip(), style)
        if kind in ("str", "inlineStr"):
            text = shown_text(raw)[: self._bounds.characters]
            return _with_reason(text, self._formats.why_not_text(style)) if text else None
        raw = raw.strip()[: self._bounds.characters]
        if not raw:
            return None
        if kind == "n":
            return _with_reason(*self._formats.shown_number(style, raw))
        text = {"0": "FALSE", "1": "TRUE"}.get(raw, raw) if kind == "b" else raw
        return _with_reason(text, FORMATTED if kind == "d" else "")

    def _shared_text(self, raw: str, style: str | None) -> Cell | None:
        if not raw:
            return None
        if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
            return "(text)", NO_TEXT
        return _with_reason(int(raw), self._formats.why_not_text(style))

    def _is_hidden(self, column: int) -> bool:
        listed = self._columns[column]
        return listed == 2 or (self._is_column_hidden and not listed)

    def _drop_covered(self) -> None:
        """Drop cells that lie under a merged one: only the first of them is seen."""
        if self._bounds.with_hidden or not self._merged:
            return
        self.rows.sort(key=lambda row: row[0])
        numbers, visited = [number for number, _ in self.rows], 0
        for first, left, last, right in self._merged:
            places = range(bisect_left(numbers, first), bisect_right(numbers, last))
            visited += len(places) + 1
            if visited > MAX_MERGED:
                raise Unreadable(TOO_LARGE)
            for at in places:
                number, cells = self.rows[at]
                for column in [each for each in cells if left <= each <= right]:
                    if (number, column) != (first, left):
                        del cells[column]
                        self.left.covered += 1


class SharedTexts(Handler):
    """Collects those shared texts that cells use, without pronunciations."""

    def __init__(self, wanted: set[int], characters: int) -> None:
        self.texts: dict[int, str] = {}
        self._wanted, self._characters = wanted, characters
        self._last = max(wanted, default=-1)
        self._place = 0
        self._pieces: list[str] = []
        self._collects = self._in_phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        """Begin an element."""
        if name == "si":
            self._pieces = []
        elif name == "rPh":
            self._in_phonetic = True
        elif name == "t":
            self._collects = not self._in_phonetic and self._place in self._wanted

    def text(self, data: str) -> None:
        """Take a piece of text."""
        if self._collects and len(self._pieces) <= self._characters:
            self._pieces.append(data)

    def end(self, name: str) -> None:
        """End an element."""
        if name == "t":
            self._collects = False
        elif name == "rPh":
            self._in_phonetic = False
        elif name == "si":
            if self._place in self._wanted:
                self.texts[self._place] = shown_text("".join(self._pieces))[: self._characters]
            self._place += 1
            if self._place > self._last:
                raise EndOfPart


def shown_text(text: str) -> str:
    """Return a text without the escapes of the file format, such as _x000D_."""
    if "_x" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return text.strip()


def _with_reason(text: str | int, why: str) -> Cell:
    return (text, why) if why else text


def _is_true(text: str | None) -> bool:
    return text in ("1", "true", "True")


def _is_unseen(size: str | None) -> bool:
    try:
        return size is not None and float(size) < _LEAST_SIZE
    except ValueError:
        return False


def _number(text: str | None) -> int:
    if text and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise Unreadable(BROKEN)


def _column(reference: str) -> int:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise Unreadable(BROKEN)
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - 64
    return column


def _range(reference: str) -> tuple[int, int, int, int]:
    """Return first row, first column, last row and last column of a range such as A1:B2."""
    first, _, last = reference.partition(":")
    ends = [_REFERENCE.fullmatch(each) for each in (first, last or first)]
    if None in ends:
        raise Unreadable(BROKEN)
    top, bottom = sorted(int(each[2]) for each in ends if each)
    left, right = sorted((_column(first), _column(last or first)))
    return top, left, bottom, right
