"""Rows as CSV, XLSX and JSON lines, such that no cell is ever taken for a formula.

A spreadsheet runs what begins with one of a few characters. CSV cells that do are written with an
apostrophe before them; XLSX cells are all written as texts.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import xlsxwriter

FORMULA = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the beginning of a formula, also in full width."""

SHEET_ROWS = 1_048_576
SHEET_CHARACTERS = 32_767


def safe_cell(value: object) -> str:
    """The value as a text that no spreadsheet runs."""
    text = "" if value is None else str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA) else text


def csv_rows(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of CSV, every cell quoted; the first begins with the mark that Excel needs."""
    box = io.StringIO()
    writer = csv.writer(box, quoting=csv.QUOTE_ALL)
    box.write("\ufeff")
    writer.writerow(head)
    yield _empty(box)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
        yield _empty(box)


def _empty(box: io.StringIO) -> str:
    text = box.getvalue()
    box.seek(0)
    box.truncate()
    return text


def xlsx_file(file: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a workbook row by row; a new sheet begins where one is full."""
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False})
    sheet, place = None, SHEET_ROWS
    for row in rows:
        if sheet is None or place >= SHEET_ROWS:
            sheet, place = _begin(book, head), 1
        _write(sheet, place, row)
        place += 1
    if sheet is None:
        _begin(book, head)
    book.close()


def _begin(book: Any, head: Sequence[object]) -> Any:
    """A new sheet, whose head stays in sight."""
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    _write(sheet, 0, head)
    return sheet


def _write(sheet: Any, place: int, row: Sequence[object]) -> None:
    for column, value in enumerate(row):
        text = "" if value is None else str(value)
        sheet.write_string(place, column, text[:SHEET_CHARACTERS])


def jsonl_rows(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """A JSON object on each line."""
    for row in rows:
        yield json.dumps(row, default=str) + "\n"
