"""Parsing and matching lists: no input fails or hangs, and the work is linear in the lines."""

import io
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.errors import Refused
from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.macs import normalise_mac
from actions.selections import list_matching, list_parser, xlsx_reader
from tests.factories import make_record

MAC = st.integers(0, 2**48 - 1).map(lambda number: f"{number:012X}")


def notations(digits: str) -> list[str]:
    """The four notations of an address."""
    pairs = [digits[start : start + 2] for start in range(0, 12, 2)]
    return [
        ":".join(pairs),
        "-".join(pairs).lower(),
        f"{digits[:4]}.{digits[4:8]}.{digits[8:]}",
        digits,
    ]


def entries(text: str) -> list[tuple[int, str]]:
    try:
        return list_matching.column_of(list_parser.read_lines(text), 0)
    except Refused:
        return []


@settings(max_examples=60)
@given(st.one_of(st.text(), st.text(alphabet="\t\n\r\",;|'=:-. aA0\x00\ufeff", max_size=400)))
def test_any_text_is_parsed_or_refused(text):
    for number, cell in entries(text):
        assert 1 <= number <= len(text) + 1
        assert cell == cell.strip(" \t\r\n")


@settings(max_examples=60)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=300).map(lambda rest: xlsx_reader.SIGNATURE + rest),
        st.text(max_size=300).map(lambda text: text.encode("utf-16", "surrogatepass")),
    ),
    st.sampled_from(["list.csv", "list.txt", "list.tsv", "list.xlsx", "", "\x00.csv"]),
)
def test_any_file_is_parsed_or_refused(data, name):
    try:
        rows = list_parser.read_file(name, data)
    except Refused:
        return
    assert rows
    assert all(any(row.cells) for row in rows)


def broken_workbooks() -> Any:
    """Valid workbooks with some bytes of one part changed, zipped again."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        book.add_worksheet().write_row(0, 0, ["id-1", 7, True])
    with zipfile.ZipFile(data) as parts:
        names = parts.namelist()
        whole = {name: parts.read(name) for name in names}

    def pack(change: tuple[str, int, bytes]) -> bytes:
        name, position, inserted = change
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as parts:
            for each, content in whole.items():
                start = position % (len(content) + 1)
                changed = content[:start] + inserted + content[start + len(inserted) :]
                parts.writestr(each, changed if each == name else content)
        return target.getvalue()

    return st.tuples(st.sampled_from(names), st.integers(0, 5000), st.binary(max_size=4)).map(pack)


@settings(max_examples=40)
@given(broken_workbooks())
def test_a_corrupt_workbook_is_parsed_or_refused(data):
    with suppress(Refused):
        assert list_parser.read_file("list.xlsx", data)


def packed(**parts: str) -> bytes:
    """A workbook with these parts replaced."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        book.add_worksheet().write(0, 0, "id-1")
    target = io.BytesIO()
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            replacement = parts.get(name.rpartition("/")[2].partition(".")[0])
            new.writestr(name, old.read(name) if replacement is None else replacement)
    return target.getvalue()


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
BOMBS = {
    "too large when unpacked": packed(sheet1=SHEET + " " * (xlsx_reader.MAX_UNPACKED + 1)),
    "nested entities": packed(
        sheet1='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
        + SHEET
        + '<row r="1"><c r="A1" t="str"><v>&b;</v></c></row></sheetData></worksheet>'
    ),
    "an external entity": packed(
        sheet1='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + SHEET
        + '<row r="1"><c r="A1" t="str"><v>&a;</v></c></row></sheetData></worksheet>'
    ),
    "a row number beyond the maximum": packed(
        sheet1=SHEET + '<row r="999999999999"><c t="str"><v>x</v></c></row></sheetData></worksheet>'
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_malicious_workbook_is_refused(name):
    with pytest.raises(Refused):
        list_parser.read_file("list.xlsx", BOMBS[name])


def test_cells_beyond_the_last_column_are_ignored_and_long_ones_are_malformed():
    far = '<c r="XFD3" t="str"><v>far</v></c>'
    long = f'<c r="A3" t="str"><v>{"x" * 5000}</v></c>'
    sheet = f'{SHEET}<row r="3">{long}{far}</row></sheetData></worksheet>'
    (row,) = list_parser.read_file("list.xlsx", packed(sheet1=sheet))
    assert (row.number, len(row.cells)) == (3, list_parser.MAX_COLUMNS)
    assert list_parser.why_malformed(row.cells[0]) == "Longer than 255 characters."


@settings(max_examples=30)
@given(MAC, st.integers(0, 3))
def test_all_four_notations_of_a_mac_give_the_same_address(digits, which):
    assert normalise_mac(notations(digits)[which]) == notations(digits)[0]


@pytest.fixture
def fleet(db):
    store_records(
        [
            make_record(
                f"{number:032x}",
                name=f"PC-{number:04}",
                host_name="shared" if number < 2 else f"host{number}.example.com",
                nickname=f"Élan {number}",
                macs=(f"02:00:00:00:{number >> 8:02X}:{number & 255:02X}",),
            )
            for number in range(1000)
        ]
    )


def mixed(count: int) -> list[tuple[str, str]]:
    """Lines in all forms, each with the bucket that it must be put into."""
    lines = []
    for number in range(count):
        macs = notations(f"02000000{number:04X}")
        forms = [f"{number:032x}", f"pc-{number:04}", f"HOST{number}.Example.com", *macs]
        lines.append((forms[number % 7] if number > 13 else macs[number % 4], "matched"))
        if number % 50 == 0:
            lines += [
                (f"{number:032x}", "duplicate"),
                (f"nobody-{number}", "unknown"),
                (f"02:00:00:0{number % 10}:00", "malformed"),
                ("x" * (256 + number), "malformed"),
            ]
    return [*lines, ("shared", "ambiguous"), ("Shared ", "ambiguous")]


def test_a_thousand_mixed_lines_in_four_notations_are_put_into_the_right_buckets(fleet):
    lines = mixed(1000)
    text = "\r\n".join(text for text, _ in lines)
    found = list_matching.match_lines(entries(text))
    assert [(line.number, line.bucket) for line in found] == [
        (number, bucket) for number, (_, bucket) in enumerate(lines, 1)
    ]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(max_size=40),
            MAC.flatmap(lambda digits: st.sampled_from(notations(digits))),
            st.integers(0, 30).map(lambda number: f"PC-{number:04}"),
            st.integers(0, 30).map(lambda number: f"{number:032x}"),
            st.sampled_from(
                ["shared", "ÉLAN 3", "élan 3", "02:00:00:00:00:07", "İ", "ß", "\ud800"]
            ),
        ),
        max_size=30,
    )
)
def test_each_line_is_in_exactly_one_bucket_and_a_device_is_matched_once(fleet, texts):
    given_lines = entries("\n".join(texts))
    found = list_matching.match_lines(given_lines)
    assert [(line.number, line.text) for line in found] == given_lines
    assert {line.bucket for line in found} <= set(list_matching.BUCKETS)
    matched = [line.device for line in found if line.bucket == "matched"]
    assert None not in matched
    assert len(matched) == len(set(matched))
    for line in found:
        if line.bucket == "duplicate":
            assert any(line.why == f"The same as line {each.number}." for each in found)


def work(task: Callable[[], object]) -> int:
    """Count the calls of Python and C functions: a measure that does not depend on the machine."""
    calls = 0

    def count(_frame: object, event: str, _value: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        task()
    finally:
        sys.setprofile(None)
    return calls


HARD = {
    "mixed": lambda count: "\n".join(text for text, _ in mixed(count)),
    "colons": lambda count: "\n".join("a:" * 127 for _ in range(count)),
    "quotes": lambda count: '"' * count * 20,
    "one long line": lambda count: "0:" * count * 50,
    "tabs": lambda count: "\t" * count * 50 + "x",
}


@pytest.mark.parametrize("name", HARD)
def test_twice_the_lines_take_at_most_twice_the_work_and_no_more_queries(
    fleet, name, django_assert_max_num_queries
):
    def task(count: int) -> Callable[[], object]:
        text = HARD[name](count)
        return lambda: list_matching.match_lines(entries(text))

    task(1)()  # Warm up: what is cached once is not counted.
    with django_assert_max_num_queries(5):
        once = work(task(250))
    with django_assert_max_num_queries(5):
        twice = work(task(500))
    assert twice < 2.2 * once + 500


def test_names_match_in_any_case(fleet):
    Device.objects.filter(name="PC-0003").update(name="Büro 3")
    (found,) = list_matching.match_lines([(1, "BüRO 3")])
    assert found.bucket == "matched"
