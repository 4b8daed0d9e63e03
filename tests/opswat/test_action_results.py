"""Each device gets its own result; a device without a row has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.errors import Unconfirmed
from actions.opswat.payloads import DeviceResult, parse_results
from tests.opswat.strategies import JSON, TEXTS, rows_with, steady


def row(name: object, status: object = 1, command_id: object = "") -> dict[str, object]:
    return {"id": name, "status": status, "command_id": command_id}


def test_the_vendors_example_is_parsed():
    body = [row("device123", 1), row("device456", 0), row("device789", -1)]
    answer = parse_results(body, ("device123", "device456", "device789"))
    assert [result.status for result in answer.results.values()] == [1, 0, -1]
    assert (answer.foreign, answer.missing) == ((), ())


def test_a_command_id_belongs_to_its_device():
    answer = parse_results([row("d1", 1, "cdhk12j279h35k214")], ("d1",))
    assert answer.results == {"d1": DeviceResult("d1", 1, "1", "cdhk12j279h35k214")}


def test_rows_are_matched_by_id_and_not_by_position():
    answer = parse_results([row("d2", 0), row("d1", 1)], ("d1", "d2"))
    assert (answer.results["d1"].status, answer.results["d2"].status) == (1, 0)


def test_a_device_without_a_row_is_missing():
    answer = parse_results([row("d2")], ("d3", "d1", "d2"))
    assert answer.missing == ("d3", "d1")


def test_a_row_of_no_device_of_the_call_is_foreign():
    answer = parse_results([row("d9"), row("d1"), "text", 7, {}, row(None), row("x\x00y")], ("d1",))
    without_id = "(a row without an id)"
    assert answer.foreign == ("d9", without_id, without_id, without_id, without_id, "xy")


@pytest.mark.parametrize(
    ("given_mac", "answered"),
    [("1A:2A:3A:4A:5A:6A", "1a:2a:3a:4a:5a:6a"), ("1a2a.3a4a.5a6a", "1A-2A-3A-4A-5A-6A")],
)
def test_a_mac_is_matched_in_any_notation_and_reported_as_sent(given_mac, answered):
    answer = parse_results([row(answered)], (given_mac,))
    assert answer.results[given_mac].target == given_mac


def test_an_id_in_another_case_is_matched_only_if_unambiguous():
    assert parse_results([row("ABC")], ("abc",)).results["abc"].status == 1
    both = parse_results([row("Abc"), row("ABC", 0)], ("abc", "ABC"))
    assert both.foreign == ("Abc",)
    assert both.missing == ("abc",)
    assert both.results["ABC"].status == 0


def test_equal_duplicate_rows_count_once_and_contradictory_rows_do_not_count():
    same = parse_results([row("d1"), row("d1")], ("d1",))
    assert same.results["d1"].status == 1
    for other in (row("d1", 0), row("D1", -1), row("d1", 1, "c2"), row("d1", "1")):
        answer = parse_results([row("d1"), other, row("d1")], ("d1",))
        assert (answer.results, answer.missing) == ({}, ("d1",))


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        *(("1", '"1"'), (True, "true"), (1.0, "1.0"), (None, "null"), ([1], "[...]")),
        *(({}, "{...}"), (2**40, str(2**40)), ("a\x00\ud800b", None)),
    ],
)
def test_a_malformed_status_is_kept_as_raw_text_only(status, raw):
    result = parse_results([row("d1", status)], ("d1",)).results["d1"]
    assert result.status is None
    assert raw is None or result.raw == raw
    assert "\ud800" not in result.raw


def test_an_undocumented_whole_number_is_kept():
    result = parse_results([row("d1", 7)], ("d1",)).results["d1"]
    assert (result.status, result.raw) == (7, "7")


def test_a_row_without_a_status_gives_no_status():
    result = parse_results([{"id": "d1"}], ("d1",)).results["d1"]
    assert (result.status, result.raw, result.command_id) == (None, "", "")


@pytest.mark.parametrize("command_id", ["a" * 256, "a\x00b", " a", ["a"], None, True])
def test_a_malformed_command_id_is_dropped(command_id):
    assert parse_results([row("d1", 1, command_id)], ("d1",)).results["d1"].command_id == ""


@pytest.mark.parametrize("body", [None, {}, {"d1": 1}, "d1", 1, True, {"devices": []}])
def test_an_answer_that_is_not_a_list_is_unconfirmed(body):
    with pytest.raises(Unconfirmed):
        parse_results(body, ("d1",))


TARGETS = st.lists(st.sampled_from(["d1", "D1", "d2", "aabbccddeeff", "AA:BB:CC:DD:EE:FF"]))


@steady
@given(body=JSON | st.lists(rows_with("id", "status", "command_id") | JSON), targets=TARGETS)
def test_no_answer_crashes_the_parser(body, targets):
    try:
        answer = parse_results(body, targets)
    except Unconfirmed:
        assert not isinstance(body, list)
        return
    assert set(answer.results) | set(answer.missing) == set(targets)
    assert not set(answer.results) & set(answer.missing)
    for result in answer.results.values():
        f"{result.raw}{result.command_id}".encode()
        assert "\x00" not in result.raw + result.command_id


@steady
@given(st.lists(st.tuples(st.sampled_from(["d1", "d2", "d3"]), st.integers(-1, 1)), max_size=8))
def test_a_device_has_a_result_if_and_only_if_all_its_rows_agree(pairs):
    answer = parse_results([row(name, status) for name, status in pairs], ("d1", "d2", "d3"))
    for name in ("d1", "d2", "d3"):
        statuses = {status for other, status in pairs if other == name}
        result = answer.results.get(name)
        assert ({result.status} if result else None) == (statuses if len(statuses) == 1 else None)


@steady
@given(st.lists(TEXTS))
def test_foreign_ids_can_be_stored(names):
    for name in parse_results([row(name) for name in names], ()).foreign:
        assert name
        assert "\x00" not in name
        name.encode()
