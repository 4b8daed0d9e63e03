"""A MAC address is the same in every notation, at every door: list, command and search."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.action_requests.submissions import read_targets
from actions.devices.filters import filter_devices
from actions.devices.query import parse_device_query
from actions.inventory.store import store_records
from actions.macs import normalise_mac, part_of_mac, why_no_mac
from actions.selections.list_matching import match_lines
from actions.selections.list_reader import read_text
from tests.factories import make_record
from tests.selections.fleet import command

pytestmark = pytest.mark.django_db

DIGITS = "001b21cd0e0f"
STORED = "00:1B:21:CD:0E:0F"
SIGNS = ("-", ":", ".", " ", "\u2013", "\u2011", "\uff1a", "\u00a0")


def grouped(size: int, sign: str) -> str:
    return sign.join(DIGITS[start : start + size] for start in range(0, 12, size))


NOTATIONS = [
    DIGITS,
    *(grouped(size, sign) for size in (2, 4, 6) for sign in SIGNS),
    f"0x{DIGITS}",
    f" {grouped(2, ':')} ",
    f"\u202d{grouped(2, ':')}\u202c",
    f"\u200b{grouped(2, '-')}",
]


@pytest.fixture(autouse=True)
def device():
    store_records([make_record("id-1", name="switched", macs=(STORED,))])


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("text", NOTATIONS)
def test_case_08_every_notation_is_the_same_address_at_every_door(text, upper):
    text = text.upper() if upper else text
    assert normalise_mac(text) == STORED
    assert [line.bucket for line in match_lines([(1, text)])] == ["matched"]
    (row,) = read_text(f"{text}\n").rows
    assert [line.bucket for line in match_lines([(1, row.cells[0])])] == ["matched"]
    assert read_targets("macs", [text]) == (STORED,)
    assert "devices 1" in command("--macs", text)
    found = filter_devices(parse_device_query(f"q={text.replace(' ', '+')}"))
    assert [each.name for each in found] == ["switched"]


WRONG = [
    *("00-1B-21-FF-FE-CD-0E-0F", "001b.21ff.fecd.0e0f", "00 1b 21 ff fe cd 0e 0f"),
    *("00:1b:21:cd:0e", "00-1b-21-cd-0e", "001b.21cd", "00:1b:21:cd:0e:0g", "0:1b:21:cd:e:f"),
    *("0x001b21cd0e", "00:1b-21:cd:0e:0f", "001b:21cd-0e0f"),
]


@pytest.mark.parametrize("text", WRONG)
def test_an_address_that_is_none_is_not_taken_for_one(text):
    assert normalise_mac(text) is None
    (line,) = match_lines([(1, text)])
    assert line.bucket in ("malformed", "unknown")
    assert (line.bucket == "malformed") == bool(why_no_mac(text))
    if len(text) > 18:
        assert "64-bit" in line.why


@pytest.mark.parametrize("text", ["deadbeef", "deadbeef0011", "00-1b-21-cd-0e", "0x1b21cd0e0f"])
def test_a_device_that_is_called_like_an_address_matches_by_its_name_or_id(text):
    store_records([make_record("id-2", name=text), make_record(f"{text}-id", name="other")])
    assert [line.bucket for line in match_lines([(1, text)])] == ["matched"]
    store_records([make_record(text.upper(), name="third")])
    (line,) = match_lines([(1, text.upper())])
    assert (line.bucket, "id" in line.why) == ("ambiguous", True)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789abcdefABCDEF:-. xg\u2013\uff10", max_size=24))
def test_any_text_is_an_address_in_one_form_or_none(text):
    mac = normalise_mac(text)
    assert mac is None or (len(mac) == 17 and normalise_mac(mac) == mac)
    assert not (mac and why_no_mac(text))
    part = part_of_mac(text)
    assert part is None or part == part.upper()
