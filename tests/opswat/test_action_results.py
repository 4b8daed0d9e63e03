"""Every device gets exactly what the vendor said of it, and silence is never a success."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.errors import Unconfirmed
from actions.opswat.payloads import DeviceResult, parse_results
from tests.opswat.strategies import JSON, TEXTS, rows_with, steady


def row(name: object, status: object = 1, command_id: object = "") -> dict[str, object]:
    return {"id": name, "status": status, "command_id": command_id}


def test_the_example_of_the_vendor_is_read_as_it_is_meant():
    body = [row("device123", 1), row("device456", 0), row("device789", -1)]
    book = parse_results(body, ("device123", "device456", "device789"))
    assert [receipt.status for receipt in book.receipts.values()] == [1, 0, -1]
    assert (book.foreign, book.missing) == ((), ())


def test_a_command_id_belongs_to_its_device():
    book = parse_results([row("d1", 1, "cdhk12j279h35k214")], ("d1",))
    assert book.receipts == {"d1": DeviceResult("d1", 1, "1", "cdhk12j279h35k214")}


def test_rows_are_matched_by_id_and_not_by_place():
    book = parse_results([row("d2", 0), row("d1", 1)], ("d1", "d2"))
    assert (book.receipts["d1"].status, book.receipts["d2"].status) == (1, 0)


def test_a_device_without_a_row_is_missing():
    book = parse_results([row("d2")], ("d3", "d1", "d2"))
    assert book.missing == ("d3", "d1")


def test_a_row_of_no_device_of_the_call_is_foreign():
    book = parse_results([row("d9"), row("d1"), "text", 7, {}, row(None), row("x\x00y")], ("d1",))
    nameless = "(a row without an id)"
    assert book.foreign == ("d9", nameless, nameless, nameless, nameless, "xy")


@pytest.mark.parametrize(
    ("given_mac", "answered"),
    [("1A:2A:3A:4A:5A:6A", "1a:2a:3a:4a:5a:6a"), ("1a2a.3a4a.5a6a", "1A-2A-3A-4A-5A-6A")],
)
def test_a_mac_is_matched_in_any_notation_and_named_as_we_sent_it(given_mac, answered):
    book = parse_results([row(answered)], (given_mac,))
    assert book.receipts[given_mac].target == given_mac


def test_an_id_in_another_case_is_matched_only_when_it_can_be_no_other():
    assert parse_results([row("ABC")], ("abc",)).receipts["abc"].status == 1
    both = parse_results([row("Abc"), row("ABC", 0)], ("abc", "ABC"))
    assert both.foreign == ("Abc",)
    assert both.missing == ("abc",)
    assert both.receipts["ABC"].status == 0


def test_a_duplicate_row_counts_once_and_a_contradiction_not_at_all():
    same = parse_results([row("d1"), row("d1")], ("d1",))
    assert same.receipts["d1"].status == 1
    for other in (row("d1", 0), row("D1", -1), row("d1", 1, "c2"), row("d1", "1")):
        book = parse_results([row("d1"), other, row("d1")], ("d1",))
        assert (book.receipts, book.missing) == ({}, ("d1",))


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        *(("1", '"1"'), (True, "true"), (1.0, "1.0"), (None, "null"), ([1], "[...]")),
        *(({}, "{...}"), (2**40, str(2**40)), ("a\x00\ud800b", None)),
    ],
)
def test_an_odd_status_is_kept_as_it_stood_and_means_nothing(status, raw):
    receipt = parse_results([row("d1", status)], ("d1",)).receipts["d1"]
    assert receipt.status is None
    assert raw is None or receipt.raw == raw
    assert "\ud800" not in receipt.raw


def test_another_whole_number_is_passed_on():
    receipt = parse_results([row("d1", 7)], ("d1",)).receipts["d1"]
    assert (receipt.status, receipt.raw) == (7, "7")


def test_a_row_without_a_status_means_nothing():
    receipt = parse_results([{"id": "d1"}], ("d1",)).receipts["d1"]
    assert (receipt.status, receipt.raw, receipt.command_id) == (None, "", "")


@pytest.mark.parametrize("command_id", ["a" * 256, "a\x00b", " a", ["a"], None, True])
def test_a_command_id_that_would_have_to_be_changed_is_none(command_id):
    assert parse_results([row("d1", 1, command_id)], ("d1",)).receipts["d1"].command_id == ""


@pytest.mark.parametrize("body", [None, {}, {"d1": 1}, "d1", 1, True, {"devices": []}])
def test_an_answer_that_is_no_list_is_unconfirmed(body):
    with pytest.raises(Unconfirmed):
        parse_results(body, ("d1",))


TARGETS = st.lists(st.sampled_from(["d1", "D1", "d2", "aabbccddeeff", "AA:BB:CC:DD:EE:FF"]))


@steady
@given(body=JSON | st.lists(rows_with("id", "status", "command_id") | JSON), targets=TARGETS)
def test_no_answer_can_break_the_reading(body, targets):
    try:
        book = parse_results(body, targets)
    except Unconfirmed:
        assert not isinstance(body, list)
        return
    assert set(book.receipts) | set(book.missing) == set(targets)
    assert not set(book.receipts) & set(book.missing)
    for receipt in book.receipts.values():
        f"{receipt.raw}{receipt.command_id}".encode()
        assert "\x00" not in receipt.raw + receipt.command_id


@steady
@given(st.lists(st.tuples(st.sampled_from(["d1", "d2", "d3"]), st.integers(-1, 1)), max_size=8))
def test_a_receipt_exists_exactly_when_all_rows_of_the_device_agree(pairs):
    book = parse_results([row(name, status) for name, status in pairs], ("d1", "d2", "d3"))
    for name in ("d1", "d2", "d3"):
        said = {status for other, status in pairs if other == name}
        receipt = book.receipts.get(name)
        assert ({receipt.status} if receipt else None) == (said if len(said) == 1 else None)


@steady
@given(st.lists(TEXTS))
def test_foreign_names_are_fit_to_store(names):
    for name in parse_results([row(name) for name in names], ()).foreign:
        assert name
        assert "\x00" not in name
        name.encode()
