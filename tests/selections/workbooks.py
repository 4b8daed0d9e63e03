"""Workbooks for tests: written by a library, or of parts given as text."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import xlsxwriter

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = f"<worksheet {MAIN}><sheetData>"
END = "</sheetData></worksheet>"


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def workbook(sheet: str = f"{SHEET}{END}", **parts: str) -> bytes:
    """A workbook with one sheet, and with `styles` and `sharedStrings` if they are given."""
    relations = "".join(
        f'<Relationship Id="r{name}" Type="{KINDS}/{kind}" Target="{name}.xml"/>'
        for name, kind in (
            ("sheet1", "worksheet"),
            ("styles", "styles"),
            ("sharedStrings", "sharedStrings"),
        )
    )
    book = (
        f"<workbook {MAIN} {LINKS}><sheets>"
        '<sheet name="One" sheetId="1" r:id="rsheet1"/></sheets></workbook>'
    )
    return packed(
        {
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": f"<Relationships>{relations}</Relationships>",
            "xl/sheet1.xml": sheet,
            **{f"xl/{name}.xml": content for name, content in parts.items()},
        }
    )


def rows_with(cells: str) -> str:
    """A sheet with one row of these cells."""
    return f'{SHEET}<row r="1">{cells}</row>{END}'


def written(cells: list[tuple[int, int, Any, str]], **options: Any) -> bytes:
    """A workbook of row, column, value and number format; options hide rows and columns."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for row, column, value, code in cells:
            sheet.write(row, column, value, book.add_format({"num_format": code}))
        for row in options.get("hidden_rows", ()):
            sheet.set_row(row, None, None, {"hidden": True})
        for column in options.get("hidden_columns", ()):
            sheet.set_column(column, column, None, None, {"hidden": True})
    return data.getvalue()
