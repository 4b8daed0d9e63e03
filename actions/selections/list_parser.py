"""Parse texts with devices into numbered lines of cells; `actions.selections.list_reader` says how.

Nothing here asks the database.
"""

import csv
import io
import itertools
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from actions.errors import Code, Refused

MAX_LINES = 100_000
MAX_BYTES = 8 * 1024 * 1024
MAX_COLUMNS = 50
MAX_CELL_LENGTH = 255
"""Characters of an id, name or address."""

CUT_LENGTH = 1024
"""Characters of a cell that are kept: it may hold the addresses of many network adapters."""

HEADINGS = frozenset(
    {
        *("id", "ids", "device id", "device_id", "hwid", "mac", "macs", "mac address"),
        *("mac_address", "mac addresses", "name", "device", "devices", "device name"),
        *("device_name", "host", "hostname", "host name", "host_name", "computer"),
        *("computer name", "nickname", "serial"),
    }
)
"""Likely headings of a column of devices, folded."""

SEPARATORS = {"none": "\n", "tab": "\t", "semicolon": ";", "comma": ",", "pipe": "|", "blank": " "}
"""The signs between columns by name; with "none" a line is one cell."""

SAMPLE_LINES = 100
"""Lines that are read to find the separator and the column of the devices."""

_SAMPLE_LENGTH = 200_000
_PADDING = " \t\r\n\v\f\u00a0\ufeff\u200b"
_DIRECTIVE = re.compile(r'\ufeff?"?sep=(.)"?[;,|\t]*(?=[\r\n])', re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKS = frozenset("\"='")
_FORCED_TEXT = re.compile(r"=\s*\"([^\"]*)\"|'([=+\-@0-9][^']*)")
_END = "\x00end"

csv.field_size_limit(2 * MAX_BYTES)  # Long cells are cut, not refused.


class Row(NamedTuple):
    """A line of a list that is not blank: its number, as an editor counts lines, and its cells.

    `refused` holds the reason of each cell, by column, that does not say what it shows.
    """

    number: int
    cells: list[str]
    refused: dict[int, str] = {}


class Entry(NamedTuple):
    """One text of the column with the devices; `why` says why it cannot be used, or is empty."""

    number: int
    text: str
    why: str = ""


def split(text: str, separator: str, where: str) -> list[Row]:
    """Split a text at line ends and separators.

    Raises Refused for the field `where` if it is empty or too long. Quotation marks count only if
    each of them is closed: otherwise one of them would swallow all further lines.
    """
    if separator in ("none", "blank"):
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        cut = (line.split() if separator == "blank" else [line] for line in lines)
        return rows_of(enumerate(cut, 1), where)
    options: dict[str, Any] = {"delimiter": SEPARATORS[separator]}
    if _has_open_quote(text, options):
        options["quoting"] = csv.QUOTE_NONE
    return rows_of(_numbered(text, options), where)


def without_directive(text: str) -> tuple[str, str]:
    """Return the separator that a first line such as sep=; names, or "", and the text without it.

    Spreadsheets write and read that line; the numbers of the other lines stay the same.
    """
    match = _DIRECTIVE.match(text)
    names = [name for name, sign in SEPARATORS.items() if match and sign == match[1]]
    return (names[0], text[match.end() :]) if match and names else ("", text)


def sample_of(text: str) -> str:
    """Return the first lines of a text."""
    lines = io.StringIO(text[:_SAMPLE_LENGTH], newline="")
    found = list(itertools.islice((line for line in lines if line.strip()), SAMPLE_LINES + 1))
    if len(text) > _SAMPLE_LENGTH and len(found) > 1 and len(found) <= SAMPLE_LINES:
        found.pop()  # It may be cut.
    return "".join(found)


def is_one_line(text: str) -> bool:
    """Return whether all of a text stands in one line."""
    stripped = text.strip(_PADDING)
    return "\n" not in stripped and "\r" not in stripped


def consistency(rows: Sequence[Row]) -> float:
    """Return the share of rows that have the usual number of columns; 0 for one column."""
    widths = Counter(len(row.cells) for row in rows)
    width, count = widths.most_common(1)[0]
    return count / len(rows) if width > 1 else 0.0


def column_of(rows: Sequence[Row], column: int) -> list[Entry]:
    """Return one column of a list: each line that is not empty there."""
    return [
        Entry(row.number, row.cells[column], row.refused.get(column, ""))
        for row in rows
        if column < len(row.cells) and row.cells[column]
    ]


def why_malformed(text: str) -> str:
    """Return why a text cannot be an id, name or address in any inventory; "" if it can."""
    if len(text) <= MAX_CELL_LENGTH and text.isprintable():
        return ""
    if "\n" in text or "\r" in text:
        return "Several lines in one cell."
    if len(text) > MAX_CELL_LENGTH:
        return f"Longer than {MAX_CELL_LENGTH} characters."
    return "Contains characters that cannot be printed." if _UNPRINTABLE.search(text) else ""


def rows_of(
    numbered: Iterable[tuple[int, Sequence[str]]],
    where: str,
    refused: Mapping[int, dict[int, str]] = {},
) -> list[Row]:
    """Return the lines that are not blank; `refused` holds the reasons of cells by line."""
    rows: list[Row] = []
    for number, given in numbered:
        cells = [_clean(cell) for cell in given[:MAX_COLUMNS]]
        if not any(cells):
            continue
        if len(rows) >= MAX_LINES:
            raise Refused.because(
                where,
                Code.TOO_MANY_LINES,
                "The list has more than %(limit)s lines. Split it.",
                limit=f"{MAX_LINES:,}",
            )
        rows.append(
            Row(number, cells, refused[number]) if number in refused else Row(number, cells)
        )
    if not rows:
        raise Refused.because(where, Code.LIST_EMPTY, "The list is empty.")
    return rows


def texts_and_reasons(
    rows: Iterable[Sequence[Any]],
) -> tuple[list[tuple[int, list[str]]], dict[int, dict[int, str]]]:
    """Take apart rows of a number and cells, where a cell may be a list of a text and a reason."""
    texts: list[tuple[int, list[str]]] = []
    refused: dict[int, dict[int, str]] = {}
    for number, *cells in rows:
        reasons = {place: cell[1] for place, cell in enumerate(cells) if isinstance(cell, list)}
        if reasons:
            refused[number] = reasons
        shown = [cell[0] if isinstance(cell, list) else cell for cell in cells]
        texts.append((number, shown))
    return texts, refused


def _clean(cell: str) -> str:
    """Return a cell without padding, quotation marks around it, and marks that force a text."""
    text = cell.strip(_PADDING)
    if text[:1] not in _MARKS:
        return text if len(text) <= CUT_LENGTH else text[:CUT_LENGTH]
    if text[0] == '"' == text[-1]:
        text = text[1:-1].strip(_PADDING)
    if text[:1] in ("=", "'") and (forced := _FORCED_TEXT.fullmatch(text)):
        text = (forced[1] or forced[2] or "").strip(_PADDING)
    return text[:CUT_LENGTH]


def _numbered(text: str, options: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line; a quoted cell may span several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), **options)
    first_line = 1
    for cells in reader:
        yield first_line, cells
        first_line = reader.line_num + 1


def _has_open_quote(text: str, options: dict[str, Any]) -> bool:
    """Return whether a quoted cell has no end: then a line behind the text is swallowed as well."""
    if '"' not in text:
        return False
    reader = csv.reader(itertools.chain(io.StringIO(text, newline=""), [_END]), **options)
    return deque(reader, maxlen=1)[0] != [_END]
