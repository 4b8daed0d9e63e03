"""A workbook is read as a person sees it."""

import io

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.selections.xlsx import formats
from actions.selections.xlsx.reader import Sheet, read_sheet
from tests.selections.workbooks import END, KINDS, LINKS, MAIN, SHEET, packed, rows_with, workbook
from tests.selections.workbooks import written as write

BOUNDS = {"rows": 1000, "columns": 50, "characters": 300}


def read(data: bytes, **options) -> Sheet:
    return read_sheet(data, **{**BOUNDS, **options})


def shown(data: bytes, **options) -> list[list[object]]:
    return [row[1:] for row in read(data, **options).rows]


TEXTS = st.text(alphabet="abcXYZ 0123-_ü’", min_size=1, max_size=12).filter(str.strip)
NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18),
    st.integers(0, 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
)
CODES = ["General", "0", "00000000", "0.00", "#,##0", "0.00E+00", "yyyy-mm-dd", '"PC-"000', ";;;"]


def what_excel_shows(value: float, code: str) -> str | None:
    """The text of a number where it is certain; None where a person must be asked."""
    whole = float(value).is_integer() and abs(value) < 1e15
    if not whole or code not in ("General", "0", "00000000"):
        return None
    if code == "General":
        return str(int(value)) if abs(value) < 1e11 else None
    return None if value < 0 else f"{int(value):0{len(code)}d}"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.one_of(TEXTS, NUMBERS), st.sampled_from(CODES)), min_size=1, max_size=8),
    st.sets(st.integers(0, 7)),
    st.booleans(),
)
def test_what_a_workbook_shows_is_what_is_read(cells, hidden_rows, second_hidden):
    given_cells = [(row, 0, value, code) for row, (value, code) in enumerate(cells)]
    given_cells += [(row, 1, "aside", "General") for row in range(len(cells))]
    data = write(given_cells, hidden_rows=hidden_rows, hidden_columns=[1] if second_hidden else [])
    found = read(data)
    visible = [row for row in range(len(cells)) if row not in hidden_rows]
    assert [row[0] for row in found.rows] == [row + 1 for row in visible]
    assert found.hidden_rows == len(cells) - len(visible)
    assert found.hidden_columns == (["B"] if second_hidden else [])
    assert all(row[2:] == ([] if second_hidden else ["aside"]) for row in found.rows)
    for (_, cell, *_), row in zip(found.rows, visible, strict=True):
        value, code = cells[row]
        if isinstance(value, str):
            assert cell == (value.strip() if code != ";;;" else [value.strip(), cell[1]])
            continue
        certain = what_excel_shows(value, code)
        assert cell == certain if certain is not None else cell[1].endswith("as text.")
    assert len(read(data, hidden=True).rows) == len(cells)


FORMATTED = {
    "0": ("445566", "445566"),
    "00000000": ("00445566", "00445566"),
    "General": ("445566", "445566"),
    "@": ("445566", "445566"),
    **dict.fromkeys(
        (
            *("0.0", "#,##0", "#", "0%", "0E+0", "# ?/?", "yyyy", "[Red]0", "[>1]0;General"),
            *('"PC-"0', "0;-0", "0;;", "0_)", "* 0", "00\\-00", "[$-409]0", "0 ", "0,"),
        ),
        None,
    ),
}


@pytest.mark.parametrize("code", FORMATTED)
def test_case_03_a_number_is_read_as_shown_or_not_used(code):
    ((cell,),) = shown(write([(0, 0, 445566, code)]))
    wanted = FORMATTED[code]
    assert cell == wanted[0] if wanted else cell == ["445566", formats.FORMATTED]


RAW = {
    "1234567890123456": formats.TOO_LONG,  # A spreadsheet keeps 15 digits.
    "123456789012": formats.TOO_LONG,  # General shows 1.23457E+11.
    "445566.4": formats.NOT_WHOLE,
    "4.45566E+5": "",
    "1E+999999999": formats.TOO_LONG,
    "1E-999999999": formats.NOT_WHOLE,
    "NaN": formats.TOO_LONG,
    "x": formats.FORMATTED,
}


@pytest.mark.parametrize("value", RAW)
def test_a_rounded_or_shortened_number_is_not_used(value):
    ((cell,),) = shown(workbook(rows_with(f"<c><v>{value}</v></c>")))
    assert cell == ([value, RAW[value]] if RAW[value] else "445566")


TEXT_CODES = {"@": True, "0": True, "General": True, "00;00": True, "_(@_)": True, "0;0;0;@": True}
TEXT_CODES |= {'"PC-"@': False, ";;;": False, "0;0;0;": False, '@"x"': False, '0;0;0;"n/a"': False}


@pytest.mark.parametrize("code", TEXT_CODES)
def test_a_text_with_a_format_that_changes_it_is_not_used(code):
    ((cell,),) = shown(write([(0, 0, "kiosk", code)]))
    assert cell == ("kiosk" if TEXT_CODES[code] else ["kiosk", formats.FORMATTED_TEXT])


CELLS = {
    '<c t="inlineStr"><is><r><t>ki</t></r><r><t>osk</t></r><rPh><t>x</t></rPh></is></c>': "kiosk",
    '<c t="str"><f>A2</f><v>kiosk</v></c>': "kiosk",
    "<c><f>A2</f><v>7</v></c>": "7",
    "<c><f>A2</f></c>": ["(formula)", formats.UNCALCULATED],
    '<c t="b"><v>1</v></c>': "TRUE",
    '<c t="e"><v>#N/A</v></c>': "#N/A",
    '<c t="inlineStr"><is><t>a_x000D_b_x005F_x0041_</t></is></c>': "a\rb_x0041_",
    "<x:c><x:v>8</x:v></x:c>": "8",
}


@pytest.mark.parametrize("cell", CELLS)
def test_each_kind_of_cell_is_read_as_shown(cell):
    sheet = rows_with(cell).replace("<worksheet", '<worksheet xmlns:x="x"')
    assert shown(workbook(sheet)) == [[CELLS[cell]]]


HIDDEN = {
    "a row of no height": f'{SHEET}<row r="1" ht="0" customHeight="1"><c><v>1</v></c></row>{END}',
    "a column of no width": f'<worksheet {MAIN}><cols><col min="1" max="3" width="0"/></cols>'
    f'<sheetData><row r="1"><c><v>1</v></c></row>{END}',
    "columns that are hidden by default": f"<worksheet {MAIN}>"
    '<sheetFormatPr defaultColWidth="0"/>'
    '<cols><col min="3" max="3" width="9"/></cols>'
    f'<sheetData><row r="1"><c><v>1</v></c></row>{END}',
}


@pytest.mark.parametrize("sheet", HIDDEN.values(), ids=HIDDEN.keys())
def test_case_01_rows_and_columns_without_a_size_are_hidden(sheet):
    found = read(workbook(sheet))
    assert not any(row[1:] for row in found.rows)
    assert found.hidden_rows + len(found.hidden_columns) == 1
    assert shown(workbook(sheet), hidden=True) == [["1"]]


def test_cells_under_merged_ones_are_left_out_and_counted():
    row = '<row r="{0}"><c r="A{0}"><v>{0}</v></c><c r="B{0}"><v>9</v></c></row>'
    sheet = SHEET + row.format(1) + row.format(2) + row.format(3) + "</sheetData>"
    sheet += '<mergeCells count="1"><mergeCell ref="A1:B2"/></mergeCells></worksheet>'
    found = read(workbook(sheet))
    assert (found.covered, [row for row in found.rows if any(row[1:])]) == (
        3,
        [[1, "1"], [3, "3", "9"]],
    )


def test_case_02_the_first_visible_sheet_counts_and_any_can_be_named():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        for name in ("a", "b", "c"):
            book.add_worksheet(name).write(0, 0, name)
        book.get_worksheet_by_name("b").activate()
        book.get_worksheet_by_name("a").very_hidden()
    found = read(data.getvalue())
    assert (found.name, found.rows) == ("b", [[1, "b"]])
    assert found.sheets == [("a", True), ("b", False), ("c", False)]
    assert [read(data.getvalue(), sheet=name).rows[0][1] for name in "abc"] == ["a", "b", "c"]


def test_a_workbook_of_openpyxl_is_read_as_shown():
    book = openpyxl.Workbook()
    sheet = book.active
    for value in ("kiosk", 445566, 445566.5, "=1+1", None, "last"):
        sheet.append([value, "aside"])
    sheet["A2"].number_format = "00000000"
    sheet.row_dimensions[6].hidden = True
    sheet.column_dimensions["B"].hidden = True
    book.create_sheet("Other")
    data = io.BytesIO()
    book.save(data)
    found = read(data.getvalue())
    assert found.rows == [
        [1, "kiosk"],
        [2, "00445566"],
        [3, ["445566.5", formats.NOT_WHOLE]],
        [4, ["(formula)", formats.UNCALCULATED]],
    ]
    assert (found.hidden_rows, found.hidden_columns) == (1, ["B"])


def test_a_workbook_of_another_writer_is_found_by_its_relations():
    book = f'<w:workbook xmlns:w="{MAIN[7:-1]}" {LINKS}><w:sheets>'
    book += '<w:sheet name="S" sheetId="4" r:id="x"/></w:sheets></w:workbook>'
    link = '<Relationship Id="{}" Type="{}/{}" Target="{}"/>'
    data = packed(
        {
            "_rels/.rels": f"<R>{link.format('a', KINDS, 'officeDocument', '/Book/Main.xml')}</R>",
            "book/_rels/main.xml.rels": f"<R>{link.format('x', KINDS, 'worksheet', '../S/1')}</R>",
            "Book\\main.xml": book,
            "s/1": f"{SHEET}<row><c><v>5</v></c><c><v>6</v></c></row>{END}",
        }
    )
    assert read(data).rows == [[1, "5", "6"]]
