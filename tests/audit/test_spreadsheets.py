"""No cell of a CSV file begins a formula, however a spreadsheet splits the lines."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actions.spreadsheets import FORMULA_PREFIXES, csv_rows, safe_cell

SEPARATORS = ",;\t|"
ODD_TEXT = st.text(alphabet=[*"=+-@;,\t|\r\n\"' x1", "\uff1d", "\u00a0"], max_size=12)


def cells(file: str, separator: str) -> list[str]:
    """The cells as a spreadsheet with this separator splits the file."""
    lines = csv.reader(io.StringIO(file.removeprefix("\ufeff"), newline=""), delimiter=separator)
    return [cell for line in lines for cell in line]


def begins_formula(cell: str) -> bool:
    text = cell.lstrip(" \u00a0\ufeff\t\r\n")
    return text.startswith(FORMULA_PREFIXES)


@pytest.mark.parametrize("text", ["x;=1+1", "x;  =1+1", 'x;"=1+1"', "x\t=1", "a\n=1", "|@SUM(A1)"])
def test_low_a_formula_after_a_separator_of_another_dialect_is_guarded(text):
    file = "".join(csv_rows(["head"], [["first", text, "last"]]))
    for separator in SEPARATORS:
        assert not any(map(begins_formula, cells(file, separator))), separator


@given(st.lists(st.lists(ODD_TEXT, min_size=1, max_size=3), max_size=3))
@example([["a", 'x;"=1+1'], ["-1", ";\t="]])
def test_no_text_makes_a_cell_that_begins_a_formula(rows):
    file = "".join(csv_rows(["head"], rows))
    for separator in SEPARATORS:
        assert not any(map(begins_formula, cells(file, separator))), separator


@pytest.mark.parametrize("text", ["Smith; Anna", "a=b; c=d", "10:20;30", "one\r\ntwo", '{"a": -1}'])
def test_an_ordinary_text_is_written_as_it_is(text):
    assert safe_cell(text) == text
