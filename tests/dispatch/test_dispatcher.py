"""From a stored action_request to the vendor and back."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.dispatch.models import DispatcherHeartbeat
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from actions.trail.models import AuditEvent
from tests.factories import enrol, know_devices, make_request, statuses

pytestmark = pytest.mark.django_db


def actions(vendor):
    return [call for call in vendor.received if call.api == "action"]


def test_an_accepted_device_ends_accepted_with_its_code(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="exempt")

    send_due()

    command = action_request.commands.get()
    assert (command.status, command.vendor_status, command.http_status) == (S.ACCEPTED, 1, 200)
    assert vendor.applied["exempt", "kiosk"] == 1
    assert vendor.devices["kiosk"].status == "exempted"


def test_the_vendor_receives_exactly_what_was_requested(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    make_request(operator, "a", "b", kind="exempt", hours="60")

    send_due()

    call = actions(vendor)[0]
    assert call.path == "/o/api/v3.1/devices/action"
    assert call.body == {"types": "exempt", "ids": ["a", "b"], "params": {"exempt_time": 60}}


def test_each_device_gets_its_own_outcome(operator, vendor, send_due):
    enrol(vendor, "fine")
    enrol(vendor, "unknown", status="unknown")
    enrol(vendor, "broken")
    vendor.devices["broken"].forced_status = -1
    action_request = make_request(operator, "fine", "unknown", "broken", kind="exempt")

    send_due()

    assert statuses(action_request) == {
        "fine": S.ACCEPTED,
        "unknown": S.UNSUPPORTED,
        "broken": S.FAILED,
    }


def test_a_log_request_keeps_the_command_id_of_each_device(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    action_request = make_request(operator, "a", "b", kind="fetch_agent_log")

    send_due()

    command_ids = set(action_request.commands.values_list("command_id", flat=True))
    assert len(command_ids) == 2
    assert all(command_ids)
    line = AuditEvent.objects.get(verb="call.answered")
    assert {device["command_id"] for device in line.data["devices"]} == command_ids


def test_more_devices_than_a_call_holds_are_sent_in_several_calls(
    operator, vendor, send_due, settings
):
    settings.OPSWAT_MAX_DEVICES = 20
    names = [f"d{number:02}" for number in range(50)]
    enrol(vendor, *names)
    action_request = make_request(operator, *names)

    send_due()

    assert [len(call.body["ids"]) for call in actions(vendor)] == [20, 20, 10]
    assert set(statuses(action_request).values()) == {S.ACCEPTED}


def test_a_device_addressed_by_mac_is_sent_by_mac(operator, vendor, send_due):
    enrol(vendor, "kiosk", macs=("AA:BB:CC:DD:EE:01",))
    know_devices("kiosk", macs=("AA:BB:CC:DD:EE:01",))
    action_request = make_request(operator, "aabb.ccdd.ee01", addressing="macs")

    send_due()

    assert actions(vendor)[0].body["macs"] == ["AA:BB:CC:DD:EE:01"]
    assert statuses(action_request) == {"AA:BB:CC:DD:EE:01": S.ACCEPTED}
    assert action_request.commands.get().device_name == "kiosk"


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("cut_after", {}),
        ("cut_before", {}),
        ("cut_body", {}),
        ("timeout_after", {}),
        ("timeout_before", {}),
        ("status", {"code": 500, "apply": True}),
        ("status", {"code": 503}),
        ("html", {}),
        ("broken_json", {}),
        ("wrong_shape", {}),
        ("huge", {}),
        ("redirect", {}),
        ("missing_rows", {}),
        ("doubled_differing", {}),
        ("odd_status", {}),
    ],
)
def test_a_call_without_a_usable_answer_is_never_sent_again(
    operator, vendor, send_due, settings, fault, options
):
    settings.OPSWAT_TIMEOUT = (1.0, 0.3)
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="fetch_agent_log")
    vendor.fault(fault, **options)

    send_due()
    send_due()

    assert statuses(action_request) == {"kiosk": S.UNCONFIRMED}
    assert action_request.commands.get().detail
    assert len(actions(vendor)) == 1


def test_an_idempotent_kind_is_sent_again_automatically(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="unexempt")
    vendor.fault("cut_after")

    send_due()

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}
    assert len(actions(vendor)) == 2


def test_after_three_attempts_an_idempotent_kind_is_unconfirmed(
    operator, vendor, send_due, settings
):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="unexempt")
    vendor.fault("cut_after", times=None)

    send_due()

    assert statuses(action_request) == {"kiosk": S.UNCONFIRMED}
    assert len(actions(vendor)) == 3


@pytest.mark.parametrize("fault", ["throttled", "expired_token"])
def test_a_call_that_the_vendor_did_not_process_is_sent_again(
    operator, vendor, send_due, settings, fault
):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")
    options = {"reset": 0} if fault == "throttled" else {}
    vendor.fault(fault, **options)

    send_due()

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}
    assert vendor.applied["delete", "kiosk"] == 1


def test_an_unreachable_vendor_only_delays_commands(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")
    address = settings.OPSWAT_BASE_URL
    settings.OPSWAT_BASE_URL = "http://127.0.0.1:9"

    dispatcher.step()
    assert statuses(action_request) == {"kiosk": S.QUEUED}
    assert VendorCall.objects.get().state == CallState.NOT_SENT
    settings.OPSWAT_BASE_URL = address
    send_due()

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}


def test_a_heartbeat_from_before_the_clock_was_set_back_does_not_count_as_idle(
    operator, vendor, settings
):
    settings.OPSWAT_RATE_LIMIT, settings.ENGINE_MAX_IDLE_SECONDS = (2, 3.0), 5.0
    enrol(vendor, "a", "b")
    requests = [
        make_request(operator, name, kind="exempt", hours=str(8 + number))
        for number, name in enumerate("ab")
    ]
    DispatcherHeartbeat.objects.create(
        name="dead", idle=True, heartbeat_at=now() + timedelta(hours=1)
    )

    dispatcher.dispatch(10.0)

    assert [statuses(action_request) for action_request in requests] == [
        {"a": S.ACCEPTED},
        {"b": S.ACCEPTED},
    ]


def test_wrong_credentials_stop_sending_until_they_are_accepted(
    operator, vendor, send_due, settings
):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk")
    secret = settings.OPSWAT_CLIENT_SECRET
    settings.OPSWAT_CLIENT_SECRET = "not the secret"

    dispatcher.dispatch(0.2, alone=True)
    assert statuses(action_request) == {"kiosk": S.QUEUED}
    assert "credentials" in VendorAccount.objects.get().open_reason
    settings.OPSWAT_CLIENT_SECRET = secret
    send_due()

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}


def test_one_invalid_id_does_not_fail_the_valid_ones(operator, vendor, send_due):
    names = [f"d{number:02}" for number in range(10)]
    enrol(vendor, *names)
    vendor.refused_ids.add("d07")
    action_request = make_request(operator, *names, kind="delete")

    send_due()

    outcome = statuses(action_request)
    assert outcome.pop("d07") == S.FAILED
    assert set(outcome.values()) == {S.ACCEPTED}
    assert len(actions(vendor)) <= 9  # 10, then halves down to the bad one.


def test_a_refused_call_fails_its_devices_with_the_reason(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    action_request = make_request(operator, "a", "b")
    vendor.fault("status", code=400, times=None)  # It is sent again in halves.

    send_due()

    assert set(statuses(action_request).values()) == {S.FAILED}
    assert set(action_request.commands.values_list("http_status", flat=True)) == {400}


def test_two_commands_for_one_device_go_in_the_order_of_their_submission(
    operator, vendor, send_due
):
    enrol(vendor, *(f"d{number}" for number in range(8)))
    make_request(operator, *(f"d{number}" for number in range(8)), kind="exempt")
    make_request(operator, "d3", kind="unexempt")  # Urgent, but not before the older one.

    send_due()

    assert [call.body["types"] for call in actions(vendor)] == ["exempt", "unexempt"]
    assert vendor.devices["d3"].status == "compliant"


def test_an_urgent_request_is_sent_before_a_larger_older_one(operator, vendor, send_due):
    enrol(vendor, *(f"d{number}" for number in range(8)), "kiosk")
    make_request(operator, *(f"d{number}" for number in range(8)), kind="exempt")
    make_request(operator, "kiosk", kind="delete")

    send_due()

    assert [call.body["types"] for call in actions(vendor)] == ["delete", "exempt"]


def test_requests_of_one_lane_take_turns(operator, vendor, send_due, settings):
    settings.OPSWAT_MAX_DEVICES = 3
    first, second = [f"a{n}" for n in range(6)], [f"b{n}" for n in range(6)]
    enrol(vendor, *first, *second)
    make_request(operator, *first)
    make_request(operator, *second)

    send_due()

    assert [call.body["ids"][0][0] for call in actions(vendor)] == ["a", "b", "a", "b"]
