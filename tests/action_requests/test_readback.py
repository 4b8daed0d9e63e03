"""Read-back: the device's later state settles what a command led to."""

import pytest
from django.utils.timezone import now

from actions.action_requests import outcomes
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.catalog import KINDS
from actions.inventory.models import Device
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane
from tests.factories import enrol, know_devices, make_request, statuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def read_back(send_due, settings):
    """Send what is due, then make the next read-back due."""

    def look_now() -> None:
        DeviceCommand.objects.exclude(check_at=None).update(check_at=now())
        send_due()

    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    return look_now


@pytest.mark.parametrize("kind", ["exempt", "unexempt", "delete"])
def test_an_accepted_change_that_is_visible_is_confirmed(
    operator, vendor, send_due, read_back, kind
):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind=kind)
    send_due()
    assert statuses(action_request) == {"a": S.ACCEPTED}

    read_back()

    assert statuses(action_request) == {"a": S.CONFIRMED}
    assert [call.api for call in vendor.received] == ["token", "action", "detail"]


def test_an_accepted_change_that_is_not_visible_is_not_seen_after_three_read_backs(
    operator, vendor, send_due, read_back
):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    vendor.devices["a"].status = "compliant"  # It does not last.

    read_back()
    read_back()
    assert statuses(action_request) == {"a": S.ACCEPTED}
    read_back()

    assert statuses(action_request) == {"a": S.NOT_SEEN}


@pytest.mark.parametrize(("fault", "after"), [("cut_after", S.ACCEPTED), ("cut_before", S.FAILED)])
def test_a_read_back_settles_a_call_without_an_answer(
    operator, vendor, send_due, read_back, fault, after
):
    enrol(vendor, "a")
    vendor.fault(fault)
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    assert statuses(action_request) == {"a": S.UNCONFIRMED}

    for _ in range(3):
        read_back()

    assert statuses(action_request) == {"a": after}
    assert "Read back" in action_request.commands.get().detail
    assert len([call for call in vendor.received if call.api == "action"]) == 1


def test_f_readback_what_was_not_done_is_told_after_two_read_backs_of_10_and_60_seconds(
    operator, vendor, send_due, read_back, settings
):
    settings.ENGINE_VERIFY_AFTER = 60
    enrol(vendor, "a")
    vendor.fault("cut_before")
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    assert statuses(action_request) == {"a": S.UNCONFIRMED}
    assert 8 < seconds_to_the_read_back() <= 10

    read_back()
    assert statuses(action_request) == {"a": S.UNCONFIRMED}
    assert 58 < seconds_to_the_read_back() <= 60
    read_back()

    assert statuses(action_request) == {"a": S.FAILED}
    details = list(VendorCall.objects.filter(api="detail"))
    assert [call.lane for call in details] == [Lane.NORMAL] * 2


def test_f_readback_an_accepted_change_is_looked_at_seldom_and_in_the_lowest_lane(
    operator, vendor, send_due, read_back, settings
):
    settings.ENGINE_VERIFY_AFTER = 60
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    vendor.devices["a"].status = "compliant"
    waits = []
    for _ in range(3):
        waits.append(round(seconds_to_the_read_back() / 60))
        read_back()

    assert waits == [1, 3, 9]
    assert statuses(action_request) == {"a": S.NOT_SEEN}
    lanes = VendorCall.objects.filter(api="detail").values_list("lane", flat=True)
    assert set(lanes) == {Lane.INVENTORY}


def test_f_readback_a_record_that_cannot_tell_is_read_a_third_time(
    operator, vendor, send_due, read_back
):
    enrol(vendor, "a")
    vendor.fault("cut_after")
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    device = vendor.devices.pop("a")  # Its record is away for two reads.

    read_back()
    read_back()
    vendor.devices["a"] = device
    assert statuses(action_request) == {"a": S.UNCONFIRMED}
    read_back()

    assert statuses(action_request) == {"a": S.ACCEPTED}


def test_f_readback_only_kinds_that_change_the_record_are_observable():
    at_once = {"exempt", "unexempt", "ignore", "unignore", "delete", "assign_to_group"}
    assert {kind.name for kind in KINDS.values() if kind.observable} == at_once


def seconds_to_the_read_back():
    check_at = DeviceCommand.objects.get().check_at
    assert check_at
    return (check_at - now()).total_seconds()


def test_a_read_back_settles_nothing_if_the_device_had_the_state_before(
    operator, vendor, send_due, read_back
):
    enrol(vendor, "a", status="exempted")
    action_request = make_request(operator, "a", kind="exempt")
    DeviceCommand.objects.update(device_status="exempted")
    vendor.fault("cut_before")
    send_due()

    for _ in range(3):
        read_back()

    assert statuses(action_request) == {"a": S.UNCONFIRMED}


def test_a_kind_without_visible_effect_is_not_read_back(operator, vendor, send_due, read_back):
    enrol(vendor, "a")
    make_request(operator, "a", kind="dhcprenew")
    make_request(operator, "a", kind="fetch_agent_log")
    send_due()

    read_back()

    assert not [call for call in vendor.received if call.api == "detail"]


def test_a_failed_read_back_is_repeated_later(operator, vendor, send_due, read_back):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="exempt")
    send_due()
    vendor.fault("status", code=500, api="detail")

    read_back()
    assert statuses(action_request) == {"a": S.ACCEPTED}
    read_back()

    assert statuses(action_request) == {"a": S.CONFIRMED}


@pytest.mark.parametrize("addressing", ["ids", "macs"])
def test_a_later_command_under_another_key_makes_the_read_back_ambiguous(
    operator, vendor, send_due, read_back, addressing
):
    mac = "02:00:00:00:00:07"
    vendor.add_device(device_id="a", macs=(mac,))
    vendor.fault("cut_after")
    target = "a" if addressing == "ids" else mac
    first = make_request(
        operator, target, kind="exempt", addressing=addressing, allow_unlisted=True
    )
    send_due()
    know_devices("a", macs=(mac,))
    second = make_request(operator, "a", kind="unexempt")
    send_due()

    for _ in range(3):
        read_back()

    assert statuses(first) == {target: S.UNCONFIRMED}
    assert statuses(second) == {"a": S.CONFIRMED}


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_case_33_one_answer_without_the_device_does_not_settle_an_unconfirmed_delete(
    operator, vendor, send_due, read_back, fault
):
    enrol(vendor, "a")
    vendor.fault(fault)
    action_request = make_request(operator, "a", kind="delete")
    send_due()
    hidden = vendor.devices.pop("a", None)

    read_back()
    assert statuses(action_request) == {"a": S.UNCONFIRMED}
    assert not Device.objects.exclude(gone_at=None).exists()

    if fault == "cut_before":
        assert hidden is not None
        vendor.devices["a"] = hidden  # The vendor had it all the time.
    for _ in range(2):
        read_back()
    after = S.FAILED if fault == "cut_before" else S.ACCEPTED
    assert statuses(action_request) == {"a": after}
    assert Device.objects.exclude(gone_at=None).exists() == (fault == "cut_after")


@pytest.mark.parametrize("kinds", [("exempt", "exempt"), ("exempt", "unexempt"), ("delete",) * 2])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_h1_of_two_commands_that_a_restore_put_in_doubt_for_a_device_neither_is_guessed(
    operator, vendor, send_due, read_back, kinds, done
):
    enrol(vendor, "a")
    action_requests = []
    for kind in kinds:
        action_requests.append(make_request(operator, "a", kind=kind))
    for kind in kinds[:done]:  # In the time that the backup does not know.
        if kind == "delete":
            vendor.devices.pop("a", None)
        else:
            vendor.devices["a"].status = "exempted" if kind == "exempt" else "compliant"
    outcomes.doubt_all("The database was restored.")

    for _ in range(3):
        read_back()

    found = [statuses(each)["a"] for each in action_requests]
    assert found == [S.UNCONFIRMED, S.UNCONFIRMED]


@pytest.mark.parametrize(("done", "after"), [(True, S.ACCEPTED), (False, S.FAILED)])
def test_h1_a_command_in_doubt_is_told_although_an_older_one_was_confirmed(
    operator, vendor, send_due, read_back, done, after
):
    enrol(vendor, "a")
    make_request(operator, "a", kind="exempt")
    send_due()
    read_back()
    latest = make_request(operator, "a", kind="unexempt")
    vendor.devices["a"].status = "compliant" if done else "exempted"
    outcomes.doubt_all("The database was restored.")

    for _ in range(3):
        read_back()

    assert statuses(latest) == {"a": after}


def test_h1_an_accepted_command_is_not_told_as_not_seen_while_another_is_in_doubt(
    operator, vendor, send_due, read_back
):
    enrol(vendor, "a")
    first = make_request(operator, "a", kind="exempt")
    send_due()
    make_request(operator, "a", kind="unexempt")
    vendor.devices["a"].status = "compliant"  # Both were done, in the order of the requests.
    outcomes.doubt_all("The database was restored.")

    for _ in range(3):
        read_back()

    assert statuses(first) == {"a": S.ACCEPTED}
