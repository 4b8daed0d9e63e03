"""Read the first sheet of an XLSX file as texts; refuse malicious files without unpacking them.

openpyxl reads row by row and parses XML with defusedxml, which refuses entities. The unpacked size
is limited by the sizes in the file's directory; zipfile does not read beyond them.
"""

import io
import zipfile
from collections.abc import Iterator

from openpyxl import load_workbook

MAX_UNPACKED = 64 * 1024 * 1024
"""Total bytes of a workbook's unpacked parts."""

MAX_PARTS = 500
"""Files inside a workbook."""

MAX_ROW = 1_048_576
"""The highest row number that XLSX allows."""

SIGNATURE = b"PK\x03\x04"
"""The first bytes of an XLSX file."""


class Unreadable(ValueError):
    """The data is not a workbook that can be read; the text says why."""


def read_sheet(data: bytes, *, columns: int, max_length: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank: its number and its first `columns` cells.

    Cells are cut after `max_length` characters. Raises Unreadable if the data is not a workbook.
    """
    _check_size(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_row=MAX_ROW, max_col=columns, values_only=True)
        for number, values in enumerate(rows, 1):
            if values.count(None) == len(values):
                continue  # There may be a million empty rows.
            cells = [_text(value, max_length) for value in values]
            if any(cells):
                yield number, cells
    except MemoryError:
        raise
    except Exception as error:  # openpyxl raises many types for broken files.
        raise Unreadable("This workbook cannot be read.") from error


def _check_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            sizes = [part.file_size for part in parts.infolist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Unreadable("This workbook cannot be read.") from error
    if len(sizes) > MAX_PARTS or sum(sizes) > MAX_UNPACKED:
        raise Unreadable(
            "This workbook is too large. Save the column of the devices as a text file."
        )


def _text(value: object, max_length: int) -> str:
    """Return about what a person sees in the cell: a whole number has no decimal point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)[: 2 * max_length].strip()[:max_length]
