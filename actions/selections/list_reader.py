"""Read a list of devices, whatever its form: the one reader of the page and of the command line.

The form of a text is not guessed by counting signs: it is split at each separator, and the split
whose best column names most devices counts. Workbooks are read as a person sees them.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from actions.errors import Code, Refused
from actions.selections import list_file, list_matching, list_parser
from actions.selections.list_parser import MAX_BYTES, Row
from actions.selections.xlsx import reader as xlsx
from actions.selections.xlsx.package import Unreadable


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person wants a list to be read; empty where the reader decides.

    `separator` is a key of `list_parser.SEPARATORS`; `hidden` takes hidden rows and columns too.
    """

    sheet: str = ""
    hidden: bool = False
    separator: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list was read, and what was left out.

    `sheets` says of each sheet of a workbook whether it is hidden; it is empty for a text.
    """

    separator: str = ""
    one_line: bool = False
    sheet: str = ""
    sheets: list[tuple[str, bool]] = field(default_factory=list)
    hidden: bool = False
    hidden_rows: int = 0
    hidden_columns: list[str] = field(default_factory=list)
    covered: int = 0
    far: bool = False
    code_page: str = ""

    def as_json(self) -> str:
        """Return the text that is stored with a list."""
        return json.dumps(asdict(self))

    @property
    def has_hidden(self) -> bool:
        """Whether something was left out because it is hidden."""
        return bool(self.hidden_rows or self.hidden_columns or self.covered)

    def left_out(self) -> list[str]:
        """Return what was left out of a workbook because a person does not see it."""
        columns = ", ".join(self.hidden_columns[:10])
        found = {
            _count(self.hidden_rows, "hidden row"): self.hidden_rows,
            f"{_count(len(self.hidden_columns), 'hidden column')} ({columns})": columns,
            f"{_count(self.covered, 'cell')} under merged cells": self.covered,
        }
        return [text for text, applies in found.items() if applies]

    def notes(self) -> list[str]:
        """Return what a person must know about the reading, in sentences."""
        others = [
            f"“{name[:60]}”" + " (hidden)" * is_hidden
            for name, is_hidden in self.sheets
            if name != self.sheet
        ]
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        found = {
            f"Read sheet “{self.sheet}”.": self.sheets,
            f"Other sheets, not read: {', '.join(others[:5])}{more}.": others,
            f"Left out: {', '.join(self.left_out())}. Take it with --hidden.": self.left_out(),
            "Hidden rows and columns are included.": self.hidden,
            f"Left out: columns after the first {list_parser.MAX_COLUMNS}.": self.far,
            "Read one line as a list.": self.one_line,
            f"Read with the code page {self.code_page}, which names most devices.": self.code_page,
        }
        return [text for text, applies in found.items() if applies]


@dataclass(frozen=True, slots=True)
class ReadList:
    """The lines of a list, and how it was read."""

    rows: list[Row]
    reading: Reading


def reading_from(text: str) -> Reading:
    """Return the reading that was stored with a list."""
    values: dict[str, Any] = json.loads(text)
    values["sheets"] = [(name, is_hidden) for name, is_hidden in values.get("sheets", [])]
    return Reading(**values)


def read_list(
    name: str, data: bytes, choice: Choice | None = None, *, where: str = "file"
) -> ReadList:
    """Read a file by its content; its name decides only between equally likely forms.

    Raises Refused for the field `where` if it cannot be read, is empty or too large.
    """
    wanted = choice or Choice()
    if len(data) > MAX_BYTES:
        raise Refused.because(
            where,
            Code.FILE_TOO_LARGE,
            "The file is larger than %(limit)s MB. Split it.",
            limit=MAX_BYTES // 2**20,
        )
    if data.startswith(xlsx.SIGNATURE):
        return _read_workbook(data, wanted, where)
    code_page = _likely_code_page(list_file.lines_in_a_code_page(data))
    text = list_file.decode(name, data, where, code_page)
    found = read_text(text, wanted, name=name, where=where)
    is_usual = code_page == list_file.CODE_PAGES[0]
    return replace(found, reading=replace(found.reading, code_page="" if is_usual else code_page))


def read_text(
    text: str, choice: Choice | None = None, *, name: str = "", where: str = "lines"
) -> ReadList:
    """Read a pasted or decoded text.

    Raises Refused for the field `where` if it is empty or too long.
    """
    named, text = list_parser.without_directive(text)
    one_line = list_parser.is_one_line(text)
    separator = choice.separator if choice and choice.separator else named
    if separator not in list_parser.SEPARATORS:
        separator = _likely_separator(text, name, one_line=one_line)
    rows = list_parser.split(text, separator, where)
    is_cut = any(len(row.cells) >= list_parser.MAX_COLUMNS for row in rows)
    if one_line and separator != "none":
        rows = _as_list(text, separator, where)
        return ReadList(rows, Reading(separator, one_line=True))
    return ReadList(rows, Reading(separator, far=is_cut))


def _read_workbook(data: bytes, choice: Choice, where: str) -> ReadList:
    try:
        sheet = xlsx.read_sheet(
            data,
            rows=list_parser.MAX_LINES,
            columns=list_parser.MAX_COLUMNS,
            characters=list_parser.CUT_LENGTH,
            sheet=choice.sheet,
            hidden=choice.hidden,
        )
    except Unreadable as error:
        raise Refused.because(where, Code.FILE_UNREADABLE, "%(why)s", why=str(error)) from None
    reading = Reading(
        sheet=sheet.name,
        sheets=sheet.sheets,
        hidden=choice.hidden,
        hidden_rows=sheet.hidden_rows,
        hidden_columns=sheet.hidden_columns,
        covered=sheet.covered,
        far=sheet.far,
    )
    return ReadList(_visible_rows(sheet.rows, reading, where), reading)


def _visible_rows(rows: list[list[Any]], reading: Reading, where: str) -> list[Row]:
    try:
        texts, refused = list_parser.texts_and_reasons(rows)
        return list_parser.rows_of(texts, where, refused)
    except Refused as refusal:
        if refusal.codes == [Code.LIST_EMPTY]:
            raise Refused.because(
                where,
                Code.LIST_EMPTY,
                "The list is empty: sheet “%(sheet)s” shows no text%(left)s. "
                "Show the rows, or move the sheet to the front, and save the workbook.",
                sheet=reading.sheet[:60],
                left="".join(f", {text} left out" for text in reading.left_out()),
            ) from None
        raise


def _likely_separator(text: str, name: str, *, one_line: bool) -> str:
    """Return the separator whose columns name most devices, then the most consistent one."""
    sample = list_parser.sample_of(text)
    splits = {
        separator: rows
        for separator in list_parser.SEPARATORS
        if (rows := _split_sample(sample, separator)) and (one_line or separator != "blank")
    }
    texts = {cell for rows in splits.values() for row in rows for cell in row.cells if cell}
    hits = list_matching.known_texts(texts)
    is_named = name.lower().endswith((".csv", ".tsv"))

    def score(separator: str) -> tuple[float, ...]:
        rows = splits[separator]
        if one_line:
            found = sum(cell in hits for cell in rows[0].cells)
            return found, separator != "blank", min(len(rows[0].cells), 2)
        share = list_parser.consistency(rows)
        certain = is_named or separator == "tab"
        return _most_hits(rows, hits), share == 1 and len(rows) > 1, share if certain else 0

    return max(splits, key=score, default="none")


def _likely_code_page(sample: bytes) -> str:
    """Return the code page in which most texts of these lines name a device."""

    def named(code_page: str) -> int:
        text = sample.decode(code_page, "replace")
        splits = [_split_sample(text, separator) for separator in list_parser.SEPARATORS]
        cells = {cell for rows in splits for row in rows for cell in row.cells if cell}
        return len(list_matching.known_texts(cells))

    return max(list_file.CODE_PAGES, key=named) if sample else list_file.CODE_PAGES[0]


def _split_sample(sample: str, separator: str) -> list[Row]:
    try:
        return list_parser.split(sample, separator, "")
    except Refused:
        return []


def _most_hits(rows: list[Row], hits: set[str]) -> int:
    counts: dict[int, int] = {}
    for row in rows:
        for column, cell in enumerate(row.cells):
            counts[column] = counts.get(column, 0) + (cell in hits)
    return max(counts.values(), default=0)


def _as_list(text: str, separator: str, where: str) -> list[Row]:
    """Return the cells of one line as lines; their numbers are their places in it."""
    sign = list_parser.SEPARATORS[separator]
    (row,) = list_parser.split(text, separator, where)
    cells = row.cells
    if len(cells) >= list_parser.MAX_COLUMNS:
        cells = text.split() if separator == "blank" else text.split(sign)
    return list_parser.rows_of(((place, [cell]) for place, cell in enumerate(cells, 1)), where)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
