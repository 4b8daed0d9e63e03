"""The program of the child process: a workbook on standard input, one JSON object as the answer.

Arguments: the name of the sheet ("" for the first visible one), 1 to take hidden rows and columns
too, and the numbers of rows, columns and characters that are kept.
"""

import json
import posixpath
import sys
import zipfile
import zlib
from typing import Any
from xml.parsers import expat

from actions.selections.xlsx.formats import NO_TEXT, read_formats
from actions.selections.xlsx.package import (
    BROKEN,
    TOO_LARGE,
    Attributes,
    Handler,
    Package,
    Unreadable,
    local,
    relations,
)
from actions.selections.xlsx.sheet import Bounds, Cell, SharedTexts, SheetHandler

MAX_SHEETS = 1000
_NO_MEMORY = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]


class _Sheets(Handler):
    """Reads the sheets of a workbook: name, id of the relation, and whether each is hidden."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, bool]] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name != "sheet":
            return
        ids = [value for key, value in attributes.items() if local(key) == "id"]
        hidden = attributes.get("state", "visible") != "visible"
        self.found.append((attributes.get("name", "")[:255], ids[0] if ids else "", hidden))
        if len(self.found) > MAX_SHEETS:
            raise Unreadable(TOO_LARGE)


def read(data: bytes, wanted: str, bounds: Bounds) -> dict[str, Any]:
    """Return the rows of a sheet, the names of all sheets, and what was left out."""
    package = Package(data)
    book = _workbook_part(package)
    targets = relations(package, book)
    sheets = _Sheets()
    package.parse(book, sheets)
    listed = [each for each in sheets.found if targets.get(each[1], ("", ""))[0] == "worksheet"]
    name, part = _chosen(listed, wanted, targets)
    others = dict(targets.values())
    handler = SheetHandler(read_formats(package, others.get("styles")), bounds)
    package.parse(part, handler)
    texts = SharedTexts(handler.shared, bounds.characters)
    if handler.shared and others.get("sharedStrings", "") in package:
        package.parse(others["sharedStrings"], texts)
    return {
        "sheet": name,
        "sheets": [[each[0], each[2]] for each in listed],
        "hidden_rows": handler.left.rows,
        "hidden_columns": [_letters(column) for column in sorted(handler.left.columns)],
        "covered": handler.left.covered,
        "far": handler.left.far,
        "rows": _rows(handler, texts.texts),
    }


def _workbook_part(package: Package) -> str:
    if "mimetype" in package and b"opendocument" in package.head("mimetype"):
        raise Unreadable("This is an OpenDocument file. Save it as .xlsx or .csv.")
    kinds = dict(relations(package, "").values())
    part = kinds.get("officeDocument", "/xl/workbook.xml")
    if part.lower().endswith(".bin") or "xl/workbook.bin" in package:
        raise Unreadable("This is a binary workbook (.xlsb). Save it as .xlsx or .csv.")
    if any(name.endswith(".iwa") for name in package.names()):
        raise Unreadable("This is a file of Apple Numbers. Export it as .xlsx or .csv.")
    if part not in package:
        raise Unreadable("This is a zip archive without a workbook. Upload the list itself.")
    if posixpath.dirname(part).lower().strip("/") in ("word", "ppt"):
        raise Unreadable("This is a document without sheets. Save the list as .xlsx or as text.")
    return part.lstrip("/")


def _chosen(
    listed: list[tuple[str, str, bool]], wanted: str, targets: dict[str, tuple[str, str]]
) -> tuple[str, str]:
    """Return name and part of the wanted sheet, else of the first visible one."""
    if not listed:
        raise Unreadable("This workbook has no sheet with cells.")
    visible = [each for each in listed if not each[2]]
    found = [each for each in listed if each[0] == wanted] if wanted else visible
    if not found:
        shown = ", ".join(f"“{each[0][:40]}”" for each in (listed if wanted else [])[:5])
        raise Unreadable(
            f"There is no sheet “{wanted[:40]}”. The sheets are {shown}."
            if wanted
            else "All sheets of this workbook are hidden. Show one and save the workbook again."
        )
    return found[0][0], targets[found[0][1]][1]


def _rows(handler: SheetHandler, texts: dict[int, str]) -> list[list[Any]]:
    """Return number and cells of each row; columns that no row has in between stay blank."""

    def shown(cell: Cell) -> Any:  # noqa: ANN401  # A text, or a text and a reason.
        if isinstance(cell, tuple):
            text = shown(cell[0])
            return text if isinstance(text, list) else [text, cell[1]]
        return texts.get(cell, ["(text)", NO_TEXT]) if isinstance(cell, int) else cell

    rows = []
    left_out = handler.left.columns
    for number, cells in handler.rows:
        width = max(cells, default=0)
        columns = [column for column in range(1, width + 1) if column not in left_out]
        rows.append([number, *(shown(cells.get(column, "")) for column in columns)])
    return rows


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def main(sheet: str, hidden: str, rows: str, columns: str, characters: str) -> None:
    """Answer with the rows, or with the reason why the workbook cannot be read."""
    bounds = Bounds(int(rows), int(columns), int(characters), hidden == "1")
    try:
        answer = read(sys.stdin.buffer.read(), sheet, bounds)
    except Unreadable as error:
        answer = {"refused": str(error)}
    except expat.ExpatError as error:
        answer = {"refused": TOO_LARGE if error.code == _NO_MEMORY else BROKEN}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        answer = {"refused": BROKEN, "error": type(error).__name__}
    except (NotImplementedError, RuntimeError):  # A compression or encryption of the zip file.
        answer = {"refused": BROKEN}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
