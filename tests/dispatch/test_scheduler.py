"""Lanes, coalescing and starvation: whose call is next, and what shares it."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.action_requests import controls
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import claims, dispatcher
from actions.inventory.sync import start_sync
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane
from tests.factories import enrol, make_request, statuses

pytestmark = pytest.mark.django_db


def actions(vendor):
    return [call for call in vendor.received if call.api == "action"]


def test_equal_requests_share_a_call_and_each_gets_its_result(operator, helpdesk, vendor, send_due):
    enrol(vendor, "a", "b", "c")
    vendor.devices["b"].forced_status = -1
    first = make_request(operator, "a", "b", kind="exempt", hours="8")
    second = make_request(helpdesk, "c", kind="exempt", hours="8")

    send_due()

    assert [call.body["ids"] for call in actions(vendor)] == [["a", "b", "c"]]
    assert statuses(first) == {"a": S.ACCEPTED, "b": S.FAILED}
    assert statuses(second) == {"c": S.ACCEPTED}
    call = VendorCall.objects.get(api="action")
    assert set(call.action_requests.all()) == {first, second}


@pytest.mark.parametrize(
    "other", [{"hours": "9"}, {"forever": True, "hours": None}, {"kind": "unexempt"}]
)
def test_a_request_with_other_parameters_does_not_share_the_call(operator, vendor, send_due, other):
    enrol(vendor, "a", "b")
    make_request(operator, "a", kind="exempt", hours="8")
    make_request(operator, "b", **({"kind": "exempt"} | other))

    send_due()

    assert [call.body["ids"] for call in actions(vendor)] == [["a"], ["b"]]


def test_a_device_that_two_requests_name_is_sent_once_for_both(
    operator, helpdesk, vendor, send_due
):
    enrol(vendor, "a", "b")
    first = make_request(operator, "a", "b", kind="exempt", hours="8")
    second = make_request(helpdesk, "a", kind="exempt", hours="8")

    send_due()

    assert [call.body["ids"] for call in actions(vendor)] == [["a", "b"]]
    assert vendor.applied["exempt", "a"] == 1
    assert statuses(first)["a"] == statuses(second)["a"] == S.ACCEPTED


def test_a_command_between_two_equal_ones_keeps_its_place(operator, vendor, send_due):
    enrol(vendor, "a")
    make_request(operator, "a", kind="exempt", hours="8")
    make_request(operator, "a", kind="unexempt")
    make_request(operator, "a", kind="exempt", hours="8")

    send_due()

    kinds = [call.body["types"] for call in actions(vendor)]
    assert kinds == ["exempt", "unexempt", "exempt"]


def test_two_hundred_equal_requests_cost_five_calls(operator, vendor, send_due):
    names = [f"d{number:03}" for number in range(200)]
    enrol(vendor, *names)
    make_request(operator, names[0])
    dispatcher.step()  # The token.
    dispatcher.step()  # The first is alone, and goes at once.
    for name in names[1:]:
        make_request(operator, name)

    send_due()

    sizes = sorted(len(call.body["ids"]) for call in actions(vendor))
    assert sizes[:4] in ([1, 50, 50, 50], [1, 49, 50, 50])
    VendorCall.objects.update(claimed_at=now() - timedelta(seconds=60))
    send_due()
    assert sorted(len(call.body["ids"]) for call in actions(vendor)) == [1, 49, 50, 50, 50]


def test_a_second_request_equal_to_the_first_lingers(operator, vendor, settings, send_due):
    settings.ENGINE_URGENT_WAIT = 10.0
    enrol(vendor, "a", "b", "c")
    make_request(operator, "a")
    send_due()
    make_request(operator, "b")

    rest = claims.claim()
    other = make_request(operator, "c", kind="ignore")

    assert isinstance(rest, claims.Wait)
    assert 0 < rest.seconds <= 10.0
    send_due()  # A action_request of another kind does not wait for them.
    assert statuses(other)["c"] != S.QUEUED


def test_a_waiting_lane_gets_a_call_in_each_window_under_any_load(operator, vendor, send_due):
    enrol(vendor, *(f"d{number}" for number in range(8)))
    make_request(operator, *(f"d{number}" for number in range(8)))
    sync, _ = start_sync(operator)
    type(sync).objects.update(due_at=now() - timedelta(seconds=61))

    send_due()

    assert [call.api for call in vendor.received][:3] == ["token", "groups", "action"]


def test_bulk_leaves_the_last_slot_to_urgent_calls_until_the_next_is_near(
    operator, vendor, settings
):
    settings.OPSWAT_RATE_LIMIT = (6, 60.0)
    settings.OPSWAT_MAX_DEVICES = 1
    settings.ENGINE_URGENT_WAIT = 10.0
    enrol(vendor, *(f"d{number}" for number in range(8)))
    make_request(operator, *(f"d{number}" for number in range(8)))
    DeviceCommand.objects.update(lane=Lane.BULK)

    dispatcher.dispatch(0.5, alone=True)
    assert len(vendor.received) == 3  # Of six: three are left for urgent calls.
    soon = now() + timedelta(seconds=9)
    VendorCall.objects.filter(api="token").update(holds_until=soon)
    dispatcher.dispatch(0.5, alone=True)

    assert len(vendor.received) == 4


def test_requests_of_a_lane_take_turns_call_by_call(operator, vendor, send_due, settings):
    settings.OPSWAT_MAX_DEVICES = 2
    names = [f"a{number}" for number in range(10)]
    enrol(vendor, *names, *(f"b{number}" for number in range(8)))
    make_request(operator, *names, kind="exempt", hours="8")
    make_request(operator, *(f"b{number}" for number in range(8)), kind="exempt", hours="9")

    send_due()

    firsts = [call.body["ids"][0][0] for call in actions(vendor)]
    assert firsts == ["a", "b", "a", "b", "a", "b", "a", "b", "a"]


def test_nothing_is_sent_while_sending_is_frozen(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk")
    controls.freeze(operator, frozen=True, reason="a restored backup")

    send_due()

    assert vendor.received == []
    assert statuses(action_request) == {"kiosk": S.QUEUED}
