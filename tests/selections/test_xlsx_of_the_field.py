"""Workbooks as other programs write them: one odd cell, size or range spoils nothing else."""

import itertools

import pytest

from actions.selections.xlsx import formats, sheet
from actions.selections.xlsx.package import Unreadable
from actions.selections.xlsx.reader import read_sheet
from tests.selections.workbooks import END, MAIN, SHEET, workbook

TABLE = f"<sst {MAIN}><si><t>kiosk</t></si><si><t>desk</t></si></sst>"
BLANK = ('<c r="B2" t="s"/>', '<c r="B2" t="s"><v></v></c>', '<c r="B2" t="s"><v> </v></c>')
LOST = tuple(f'<c r="B2" t="s"><v>{number}</v></c>' for number in ("2", "-1", "x", "1.5", "9" * 20))


def read(data: bytes, **options):
    return read_sheet(data, **{"rows": 100, "columns": 50, "characters": 255, **options})


@pytest.mark.parametrize("table", [TABLE, ""], ids=["a table", "no table"])
@pytest.mark.parametrize("cell", [*BLANK, *LOST])
def test_case_06_a_cell_whose_shared_text_is_missing_spoils_no_other(cell, table):
    first = '<c r="A1" t="s"><v>0</v></c>' if table else '<c r="A1" t="str"><v>kiosk</v></c>'
    rows = f'<row r="1">{first}</row><row r="2"><c r="A2"><v>7</v></c>{cell}</row>'
    parts = {"sharedStrings": table} if table else {}
    lost = [] if cell in BLANK else [["(text)", formats.NO_TEXT]]
    assert read(workbook(f"{SHEET}{rows}{END}", **parts)).rows == [[1, "kiosk"], [2, "7", *lost]]


@pytest.mark.parametrize("size", ["0.05", "0.9", "1E-3", "0"])
def test_case_01_a_row_or_column_too_small_to_see_is_hidden(size):
    row = f'<row r="1" ht="{size}" customHeight="1"><c><v>1</v></c></row>'
    found = read(workbook(f'{SHEET}{row}<row r="2" ht="6"><c><v>2</v></c></row>{END}'))
    assert (found.rows, found.hidden_rows) == ([[2, "2"]], 1)
    columns = f'<cols><col min="1" max="1" width="{size}"/><col min="2" max="2" width="1"/></cols>'
    cells = "<row><c><v>1</v></c><c><v>2</v></c></row>"
    found = read(workbook(f"<worksheet {MAIN}>{columns}<sheetData>{cells}{END}"))
    assert (found.rows, found.hidden_columns) == ([[1, "2"]], ["A"])


CORNERS = [*itertools.permutations(("A1", "B2"), 2), ("A2", "B1"), ("B1", "A2")]


@pytest.mark.parametrize("corners", CORNERS, ids=":".join)
def test_case_01_a_merged_range_is_named_by_any_two_corners(corners):
    row = '<row r="{0}"><c r="A{0}"><v>{0}</v></c><c r="B{0}"><v>9</v></c></row>'
    merged = f'<mergeCells><mergeCell ref="{":".join(corners)}"/></mergeCells></worksheet>'
    found = read(workbook(SHEET + row.format(1) + row.format(2) + "</sheetData>" + merged))
    assert (found.covered, [line for line in found.rows if any(line[1:])]) == (3, [[1, "1"]])


def test_case_03_a_cell_of_the_type_date_has_a_format():
    found = read(workbook(f'{SHEET}<row><c t="d"><v>2026-11-22</v></c></row>{END}'))
    assert found.rows == [[1, ["2026-11-22", formats.FORMATTED]]]


def test_more_rows_than_a_list_may_have_are_never_cut_silently():
    """Cells with a blank text count, too: behind them a device would be left out unseen."""
    blank = "".join(f'<row r="{row}"><c t="s"><v>0</v></c></row>' for row in range(1, 8))
    last = '<row r="9"><c t="s"><v>1</v></c></row>'
    book = workbook(
        f"{SHEET}{blank}{last}{END}",
        sharedStrings=f"<sst {MAIN}><si><t> </t></si><si><t>kiosk</t></si></sst>",
    )
    assert read(book, rows=8).rows[-1] == [9, "kiosk"]
    with pytest.raises(Unreadable, match=sheet.TOO_MANY_ROWS.split(".", maxsplit=1)[0]):
        read(book, rows=5)
