"""Write rows as CSV, XLSX and JSON lines so that no cell is interpreted as a formula.

A spreadsheet runs a cell that begins with one of a few characters. In CSV, an apostrophe is written
before such a character. That also holds after a character at which a spreadsheet may split the
line: with ";" or a tab as the separator, quotes inside a line do not keep a cell together. In XLSX,
all cells are written as texts.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

FORMULA_PREFIXES = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters that may start a formula in a spreadsheet, full-width forms included."""

_STARTS = "".join(re.escape(each) for each in FORMULA_PREFIXES if not each.isspace())
_INNER_FORMULA = re.compile(rf"""([;|\t\r\n][ "'\u00a0\ufeff]*)(?=[{_STARTS}])""")
"""A separator of another dialect of CSV, and the quotes and blanks between it and a formula."""

SHEET_ROWS = 1_048_576
"""Rows of an XLSX sheet."""

SHEET_CHARACTERS = 32_767
"""Characters of an XLSX cell; longer texts are cut."""


def safe_cell(value: object) -> str:
    """Return the value as a text that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value).replace("\x00", "")
    text = _INNER_FORMULA.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA_PREFIXES) else text


def csv_rows(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield lines of CSV, every cell quoted; the first begins with the BOM that Excel needs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    buffer.write("\ufeff")
    writer.writerow(head)
    yield _drain(buffer)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
        yield _drain(buffer)


def _drain(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def xlsx_file(file: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a workbook row by row; a full sheet is followed by another one."""
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False})
    sheet, row_number = None, SHEET_ROWS
    for row in rows:
        if sheet is None or row_number >= SHEET_ROWS:
            sheet, row_number = _add_sheet(book, head), 1
        _write_row(sheet, row_number, row)
        row_number += 1
    if sheet is None:
        _add_sheet(book, head)
    book.close()


def _add_sheet(book: xlsxwriter.Workbook, head: Sequence[object]) -> Worksheet:
    """Add a sheet whose first row holds the column names and does not scroll."""
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    _write_row(sheet, 0, head)
    return sheet


def _write_row(sheet: Worksheet, row_number: int, row: Sequence[object]) -> None:
    for column, value in enumerate(row):
        text = "" if value is None else str(value)
        sheet.write_string(row_number, column, text[:SHEET_CHARACTERS])


def jsonl_rows(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield a line with a JSON object for each row."""
    for row in rows:
        yield json.dumps(row, default=str) + "\n"
