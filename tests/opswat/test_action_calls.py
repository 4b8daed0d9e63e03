"""The body of a call is well formed, or ValueError is raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.catalog import KINDS
from actions.opswat.payloads import ActionCall, normalise_mac
from tests.opswat.strategies import steady

MAC_PARTS = st.lists(st.integers(0, 255), min_size=6, max_size=6)


@steady
@given(parts=MAC_PARTS, upper=st.booleans())
def test_a_mac_has_one_form_whatever_its_notation(parts, upper):
    pairs = [f"{part:02x}" for part in parts]
    digits = "".join(pairs)
    dotted = ".".join((digits[:4], digits[4:8], digits[8:]))
    for text in (":".join(pairs), "-".join(pairs), dotted, digits):
        written = text.upper() if upper else text
        assert normalise_mac(f" {written} ") == ":".join(pairs).upper()


@steady
@given(st.text(max_size=20))
def test_any_text_gives_a_normalized_mac_or_none(text):
    mac = normalise_mac(text)
    assert mac is None or normalise_mac(mac) == mac


@pytest.mark.parametrize(
    "text",
    [
        *("", "N/A", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "aa:bb-cc:dd:ee:ff"),
        *(
            "aabb:ccdd-eeff",
            "aabbcc:ddee:ff",
            "ga:bb:cc:dd:ee:ff",
            "a:b:c:d:e:f",
            "aa:bb:cc:dd:ee:ff\nx",
        ),
        "\u0660\u0660:bb:cc:dd:ee:ff",
    ],
)
def test_text_that_is_not_a_mac_gives_none(text):
    assert normalise_mac(text) is None


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.parameter is None])
def test_a_kind_without_a_parameter_sends_none_and_takes_none(kind):
    assert ActionCall(kind, "ids", ("d1",)).body() == {"types": kind, "ids": ["d1"]}
    for extra in ({"exempt_hours": 0}, {"group_id": "g1"}):
        with pytest.raises(ValueError, match="takes no"):
            ActionCall(kind, "ids", ("d1",), **extra).body()


@pytest.mark.parametrize("hours", [0, 1, 64_999])
def test_an_exemption_sends_its_hours(hours):
    call = ActionCall("exempt", "ids", ("d1",), exempt_hours=hours)
    assert call.body()["params"] == {"exempt_time": hours}


@pytest.mark.parametrize("hours", [None, -1, 65_000, True, 1.5, "5"])
def test_an_exemption_without_whole_hours_is_refused(hours):
    with pytest.raises(ValueError, match="hours"):
        ActionCall("exempt", "ids", ("d1",), exempt_hours=hours).body()


def test_a_group_is_named_by_its_id():
    call = ActionCall("assign_to_group", "ids", ("d1",), group_id="default")
    assert call.body()["params"] == {"group_id": "default"}
    for group in (None, "", "  "):
        with pytest.raises(ValueError, match="group"):
            ActionCall("assign_to_group", "ids", ("d1",), group_id=group).body()
    with pytest.raises(ValueError, match="takes no"):
        ActionCall("assign_to_group", "ids", ("d1",), exempt_hours=1, group_id="g").body()


def test_macs_are_sent_normalized_under_the_key_macs():
    call = ActionCall("unexempt", "macs", ("1a2a.3a4a.5a6a", "1B-2B-3B-4B-5B-6B"))
    assert call.body() == {
        "types": "unexempt",
        "macs": ["1A:2A:3A:4A:5A:6A", "1B:2B:3B:4B:5B:6B"],
    }


@pytest.mark.parametrize(
    "call",
    [
        ActionCall("", "ids", ("d1",)),
        ActionCall("scan_threats", "ids", ("d1",)),
        ActionCall("Exempt", "ids", ("d1",), exempt_hours=1),
        ActionCall("delete", "names", ("d1",)),  # type: ignore[arg-type]
        ActionCall("delete", "ids", ()),
        ActionCall("delete", "ids", ["d1"]),  # type: ignore[arg-type]
        ActionCall("delete", "ids", ("",)),
        ActionCall("delete", "ids", ("d1", " ")),
        ActionCall("delete", "ids", ("d1", 7)),  # type: ignore[arg-type]
        ActionCall("delete", "ids", ("d1", "d2", "d1")),
        ActionCall("delete", "macs", ("d1",)),
        ActionCall("delete", "macs", ("aabbccddeeff", "AA:BB:CC:DD:EE:FF")),
    ],
)
def test_a_malformed_call_is_refused(call):
    with pytest.raises(ValueError, match=r"\.$"):
        call.body()
