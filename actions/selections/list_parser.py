"""Parse lists of devices (pasted text, CSV, XLSX) into numbered lines."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from actions.errors import Code, Refused
from actions.selections import xlsx_reader

if TYPE_CHECKING:
    from _csv import Reader

MAX_LINES = 100_000
MAX_BYTES = 8 * 1024 * 1024
MAX_COLUMNS = 50
MAX_CELL_LENGTH = 255
"""Characters of an id, name or address; longer cells are cut after one more and are malformed."""

HEADINGS = frozenset(
    {
        *("id", "ids", "device id", "device_id", "hwid", "mac", "macs", "mac address"),
        *("mac_address", "name", "device", "device name", "device_name", "host", "hostname"),
        *("host name", "host_name", "computer", "computer name", "nickname", "serial"),
    }
)
"""Likely headings of a column of devices, in lower case."""

_CUT_LENGTH = MAX_CELL_LENGTH + 1
_PADDING = " \t\r\n\v\f\u00a0\ufeff\u200b"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LIKE_MAC = re.compile(
    r"[0-9a-z]{1,4}(?::[0-9a-z]{0,4}){2,}"  # No known name has two colons.
    r"|[0-9a-z]{2}(?:-[0-9a-z]{2}){4,}"
    r"|[0-9a-f]{3,4}\.[0-9a-f]{3,4}\.[0-9a-f]{3,4}",
    re.IGNORECASE | re.ASCII,
)


class Row(NamedTuple):
    """A line of a list that is not blank: its number, as an editor counts lines, and its cells."""

    number: int
    cells: list[str]


def read_lines(text: str, *, where: str = "lines") -> list[Row]:
    """Read a pasted text with one device a line; tabs, as copied from a sheet, separate columns.

    Raises Refused for the field `where` if the text is empty or too long.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = ((number, line.split("\t", MAX_COLUMNS)) for number, line in enumerate(lines, 1))
    return _rows(numbered, where)


def read_file(name: str, data: bytes, *, where: str = "file") -> list[Row]:
    """Read an uploaded list: XLSX by its content, CSV by its name, else a text as `read_lines`.

    Raises Refused for the field `where` if the list cannot be read, is empty or too large.
    """
    if len(data) > MAX_BYTES:
        raise Refused.because(
            where,
            Code.FILE_TOO_LARGE,
            "The file is larger than %(limit)s MB. Split it.",
            limit=MAX_BYTES // 2**20,
        )
    if data.startswith(xlsx_reader.SIGNATURE):
        try:
            sheet = xlsx_reader.read_sheet(data, columns=MAX_COLUMNS, max_length=_CUT_LENGTH)
            return _rows(sheet, where)
        except xlsx_reader.Unreadable as error:
            raise Refused.because(where, Code.FILE_UNREADABLE, str(error)) from None
    text = _decode(data, where)
    if name.lower().endswith((".csv", ".tsv")):
        return _read_csv(text, where)
    return read_lines(text, where=where)


def why_malformed(text: str) -> str:
    """Return why a text cannot be an id, name or address in any inventory; "" if it can."""
    if "\n" in text or "\r" in text:
        return "Spans several lines: is a closing quotation mark missing?"
    if len(text) > MAX_CELL_LENGTH:
        return f"Longer than {MAX_CELL_LENGTH} characters."
    return "Contains characters that cannot be printed." if _UNPRINTABLE.search(text) else ""


def is_like_mac(text: str) -> bool:
    """Return whether a text was certainly meant to be a MAC address, complete or not."""
    return len(text) <= MAX_CELL_LENGTH and bool(_LIKE_MAC.fullmatch(text))


def _rows(numbered: Iterable[tuple[int, list[str]]], where: str) -> list[Row]:
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
        rows.append(Row(number, cells))
    if not rows:
        raise Refused.because(where, Code.LIST_EMPTY, "The list is empty.")
    return rows


def _clean(cell: str) -> str:
    text = cell.strip(_PADDING)
    if text[:1] == '"' == text[-1:]:
        text = text[1:-1].strip(_PADDING)
    return text[:_CUT_LENGTH]


def _decode(data: bytes, where: str) -> str:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused.because(
            where, Code.FILE_UNREADABLE, "This is an old workbook. Save it as .xlsx or .csv."
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\x00" in data:
        raise Refused.because(
            where, Code.FILE_UNREADABLE, "This is neither a text nor a workbook (.xlsx)."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _read_csv(text: str, where: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        return _rows(_numbered(reader), where)
    except csv.Error as error:
        raise Refused.because(
            where,
            Code.FILE_UNREADABLE,
            "Line %(line)s: %(error)s.",
            line=reader.line_num,
            error=error,
        ) from None


def _numbered(reader: "Reader") -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line; a quoted cell may span several lines."""
    first_line = 1
    for cells in reader:
        yield first_line, cells
        first_line = reader.line_num + 1


def _delimiter(text: str) -> str:
    """Guess the delimiter: the character that most of the first lines contain equally often."""
    lines = [line for line in text[:20_000].splitlines()[:50] if line.strip()]
    best, best_count = ",", 0
    for delimiter in ",;\t|":
        counts = Counter(line.count(delimiter) for line in lines if delimiter in line)
        count = max(counts.values(), default=0)
        if count > best_count:
            best, best_count = delimiter, count
    return best
