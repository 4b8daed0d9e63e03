"""Parsing and matching lists: no input fails or hangs, and the work is linear in the lines."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.errors import Refused
from actions.inventory.store import store_records
from actions.macs import normalise_mac
from actions.selections import list_matching, list_parser, list_reader
from actions.selections.list_parser import Entry
from tests.factories import make_record

pytestmark = pytest.mark.django_db

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


def entries(text: str) -> list[Entry]:
    """The lines of a text, each of them one device."""
    try:
        return list_parser.column_of(list_parser.split(text, "none", "lines"), 0)
    except Refused:
        return []


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="\t\n\r\",;|'=:-. aA0\x00\ufeff", max_size=400)))
def test_any_text_is_parsed_or_refused(text):
    for number, cell, _ in entries(text):
        assert 1 <= number <= len(text) + 1
        assert cell == cell.strip(" \t\r\n")


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=300).map(lambda text: text.encode("utf-16", "surrogatepass")),
        st.text(max_size=300).map(lambda text: text.encode("utf-16-le", "surrogatepass")),
        st.text(alphabet='\t\n\r",;|= aA0\x00\ufeff', max_size=200).map(str.encode),
    ),
    st.sampled_from(["list.csv", "list.txt", "list.tsv", "list.xlsx", "", "\x00.csv"]),
    st.sampled_from(["", *list_parser.SEPARATORS]),
)
def test_any_file_is_parsed_or_refused(data, name, separator):
    try:
        found = list_reader.read_list(name, data, list_reader.Choice(separator=separator))
    except Refused:
        return
    assert found.rows
    assert all(any(row.cells) for row in found.rows)


@settings(max_examples=30, deadline=None)
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


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    assert [(line.number, line.text) for line in found] == [each[:2] for each in given_lines]
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
    with django_assert_max_num_queries(6):
        once = work(task(250))
    with django_assert_max_num_queries(6):
        twice = work(task(500))
    assert twice < 2.2 * once + 500


def test_names_match_in_any_case(fleet):
    store_records([make_record(f"{3:032x}", name="Büro 3")])
    (found,) = list_matching.match_lines([(1, "BÜRO 3")])
    assert found.bucket == "matched"
