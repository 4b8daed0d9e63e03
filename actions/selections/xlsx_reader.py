"""The first sheet of an XLSX file as texts; a file made to do harm is refused, not unpacked.

openpyxl reads row by row, and its XML goes through defusedxml, which refuses entities. What a
file unpacks to is bounded by the sizes in its directory, beyond which zipfile does not read.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from openpyxl import load_workbook

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes to which the parts of a workbook may unpack in all."""

MAX_PARTS = 500
MAX_ROW = 1_048_576
"""The last row that a sheet can have."""

SIGNATURE = b"PK\x03\x04"


class Unreadable(ValueError):
    """Not a workbook that can be read; the text says why."""


def read_sheet(data: bytes, *, columns: int, most: int) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank: its number and its first cells, cut after `most` characters.

    Raises Unreadable for everything that is not a workbook.
    """
    _check_size(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_row=MAX_ROW, max_col=columns, values_only=True)
        for number, values in enumerate(rows, 1):
            if values.count(None) == len(values):
                continue  # Gaps may be a million rows.
            cells = [_text(value, most) for value in values]
            if any(cells):
                yield number, cells
    except MemoryError:
        raise
    except Exception as error:  # A broken file fails in any of many ways.
        raise Unreadable("This is not a workbook that can be read.") from error


def _check_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sizes = [part.file_size for part in parts.infolist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Unreadable("This is not a workbook that can be read.") from error
    if len(sizes) > MAX_PARTS or sum(sizes) > MAX_UNPACKED:
        raise Unreadable("This workbook is too large. Save the one column as text.")


def _text(value: Any, most: int) -> str:
    """What a person sees in the cell, or nearly: a number without a needless fraction."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)[: 2 * most].strip()[:most]
