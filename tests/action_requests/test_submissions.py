"""The checks of a submission before anything is stored."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from actions.action_requests.states import STATUSES, WAITING, CommandStatus, check_move
from actions.action_requests.submissions import Given, new_submission, read_hours, read_targets
from actions.catalog import KINDS, VERSIONS, find_kind
from actions.errors import IllegalMove, Refused
from actions.macs import normalise_mac
from actions.roles import RIGHTS, Role, why_not
from tests.factories import make_submission


def problems(**given) -> set[str]:
    """The fields for which a submission with this input is refused."""
    values = {"kind": "exempt", "version": "v3.1", "addressing": "ids", "targets": ["a"]}
    values |= {"reason": "a test", "hours": "24"}
    with pytest.raises(Refused) as refusal:
        new_submission(Given(**(values | given)))
    return set(refusal.value.by_field())


@pytest.mark.parametrize("hours", ["", " ", None, "-1", "0", "65000", "1.5", "x", "1e3", "٣", "+5"])
def test_invalid_hours_are_refused_beside_their_field(hours):
    assert problems(hours=hours) == {"exempt_hours"}


@pytest.mark.parametrize(("text", "hours"), [("1", 1), (" 24 ", 24), ("64999", 64_999)])
def test_whole_hours_in_range_are_accepted(text, hours):
    assert read_hours(text, forever=False) == hours


def test_an_exemption_is_permanent_only_if_chosen_so():
    assert read_hours(None, forever=True) == 0
    assert problems(forever=True) == {"exempt_hours"}  # Together with 24 hours it is ambiguous.


def test_all_problems_are_reported_at_once():
    assert problems(hours="x", reason=" ", targets=[]) == {"exempt_hours", "reason", "devices"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "reboot"}, "kind"),
        ({"kind": "assign_to_group", "hours": None}, "group_id"),
        ({"kind": "delete"}, "exempt_hours"),
        ({"group_id": "g1"}, "group_id"),
        ({"targets": ["a", "b", "a"]}, "devices"),
        ({"targets": ["a\x00b"]}, "devices"),
        ({"targets": ["x" * 256]}, "devices"),
        ({"targets": ["not a mac"], "addressing": "macs"}, "devices"),
        ({"targets": ["aabbccddee01", "AA:BB:CC:DD:EE:01"], "addressing": "macs"}, "devices"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "\x00\n"}, "reason"),
    ],
)
def test_bad_input_is_refused_beside_its_field(given, field):
    assert problems(**given) == {field}


@for_all(st.text())
def test_no_text_breaks_the_parser_of_hours_or_macs(text):
    assert normalise_mac(text) is None or len(normalise_mac(text) or "") == 17
    try:
        assert 1 <= read_hours(text, forever=False) <= 64_999
    except Refused as refusal:
        assert "exempt_hours" in refusal.by_field()


@for_all(st.binary(min_size=6, max_size=6), st.sampled_from([":", "-", ".", ""]), st.booleans())
def test_a_mac_has_one_form_whatever_its_notation(raw, separator, upper):
    digits = raw.hex()
    size = 4 if separator == "." else 2
    text = separator.join(digits[start : start + size] for start in range(0, 12, size))

    tidy = normalise_mac(text.upper() if upper else text)

    assert tidy == ":".join(digits[start : start + 2] for start in range(0, 12, 2)).upper()


def test_blank_lines_between_devices_are_ignored():
    assert read_targets("ids", ["a", "", "  ", " b "]) == ("a", "b")


def test_a_submission_cannot_be_changed():
    submission = make_submission("a")
    with pytest.raises(AttributeError):
        submission.targets = ("b",)  # type: ignore[misc]


def test_each_version_offers_what_the_vendor_documents():
    assert set(VERSIONS) == {"v3", "v3.1", "v3.2", "v3.3"}
    assert len(KINDS) == 9
    for version in ("v3.1", "v3.2", "v3.3"):
        assert find_kind("fetch_agent_log", version)
    with pytest.raises(Refused, match="not offered"):
        find_kind("fetch_agent_log", "v3")


def test_only_kinds_with_the_same_result_are_idempotent():
    safe = {name for name, kind in KINDS.items() if kind.idempotent}

    assert safe == {"unexempt", "ignore", "unignore", "assign_to_group"}


@pytest.mark.parametrize(
    ("role", "kind", "devices", "field"),
    [
        (Role.VIEWER, "exempt", 1, ""),
        (Role.AUDITOR, "exempt", 1, ""),
        (Role.HELPDESK, "delete", 1, "kind"),
        (Role.HELPDESK, "exempt", 11, "devices"),
    ],
)
def test_a_role_that_forbids_a_request_names_the_field_and_itself(role, kind, devices, field):
    problem = why_not(role, kind, devices)

    assert problem
    assert problem.field == field
    assert role.label in problem.text


def test_helpdesk_may_act_on_ten_devices_and_operators_on_many():
    assert why_not(Role.HELPDESK, "exempt", 10) is None
    assert why_not(Role.OPERATOR, "delete", 100_000) is None
    assert set(RIGHTS) == set(Role)


def test_a_failed_command_is_final_and_no_waiting_status_is():
    assert set(STATUSES) == set(CommandStatus)
    final = {status for status, info in STATUSES.items() if not info.moves}
    assert final.isdisjoint(WAITING)
    assert CommandStatus.FAILED in final


def test_a_move_that_is_not_in_the_table_is_an_error():
    check_move(CommandStatus.QUEUED, CommandStatus.SENDING)
    for old, new in (("failed", "queued"), ("accepted", "failed"), ("queued", "accepted")):
        with pytest.raises(IllegalMove):
            check_move(CommandStatus(old), CommandStatus(new))
