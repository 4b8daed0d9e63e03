"""The query of the device list: excluded devices, versions and MAC addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.devices.query import parse_device_query, parse_excluded, with_excluded
from actions.inventory.versions import version_key
from actions.macs import part_of_mac

VERSIONS = st.lists(st.integers(0, 99_999_999), min_size=1, max_size=4)


@given(first=VERSIONS, second=VERSIONS)
def test_version_keys_sort_as_their_numbers(first, second):
    def full(numbers):
        return [*numbers, 0, 0, 0, 0][:4]

    keys = [version_key(".".join(map(str, numbers))) for numbers in (first, second)]
    assert (keys[0] < keys[1]) == (full(first) < full(second))


@given(st.text(max_size=40))
def test_every_version_key_is_empty_or_has_32_digits(text):
    assert len(version_key(text)) in {0, 32}


def test_up_to_a_version_includes_its_subversions():
    assert version_key("7.6") <= version_key("7.6.711-beta") <= version_key("7.6", fill="9")
    assert version_key("7.7") > version_key("7.6", fill="9")


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("00-1b", "00:1B"),
        ("00-1b-21-cd-ab", "00:1B:21:CD:AB"),
        ("001b.21cd", "00:1B:21:CD"),
        ("001b21cdab44", "00:1B:21:CD:AB:44"),
        *(("00-1b-", None), ("00-1", None), ("001b", None), ("pc-12", None), ("", None)),
    ],
)
def test_a_part_of_a_mac_is_converted_to_the_stored_notation(text, mac):
    assert part_of_mac(text) == mac


def test_a_query_with_excluded_devices_keeps_its_filters_and_their_keys():
    text = with_excluded("q=kiosk&status=exempted", [7, 3])
    assert text == "q=kiosk&status=exempted&unticked=3,7"
    assert parse_excluded(text) == [3, 7]
    assert parse_device_query(text).as_url() == "q=kiosk&status=exempted"
    assert with_excluded("", []) == ""
    assert parse_excluded("unticked=x,²,-1,&q=1") == []
