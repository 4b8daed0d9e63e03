"""Words of the device list: questions, versions and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.devices.query import parse_device_query, parse_excluded, with_excluded
from actions.inventory.versions import version_key
from actions.macs import part_of_mac

VERSIONS = st.lists(st.integers(0, 99_999_999), min_size=1, max_size=4)


@given(first=VERSIONS, second=VERSIONS)
def test_keys_of_versions_sort_as_their_numbers(first, second):
    def full(numbers):
        return [*numbers, 0, 0, 0, 0][:4]

    keys = [version_key(".".join(map(str, numbers))) for numbers in (first, second)]
    assert (keys[0] < keys[1]) == (full(first) < full(second))


@given(st.text(max_size=40))
def test_any_text_has_a_key_of_one_length_or_none(text):
    assert len(version_key(text)) in {0, 32}


def test_up_to_a_version_takes_its_children_in():
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
def test_a_part_of_an_address_is_written_as_we_keep_it(text, mac):
    assert part_of_mac(text) == mac


def test_a_question_remembers_what_was_unticked_and_asks_the_same():
    asked = with_excluded("q=kiosk&status=exempted", [7, 3])
    assert asked == "q=kiosk&status=exempted&unticked=3,7"
    assert parse_excluded(asked) == [3, 7]
    assert parse_device_query(asked).text == "q=kiosk&status=exempted"
    assert with_excluded("", []) == ""
    assert parse_excluded("unticked=x,²,-1,&q=1") == []
