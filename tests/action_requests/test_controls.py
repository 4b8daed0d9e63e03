"""The controls of a submitted request: cancel, pause, resume, retry, undo."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.action_requests import controls
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.action_requests.submit import submit_action
from actions.dispatch import claims, dispatcher, sweeper
from actions.errors import NotAllowed, Refused
from actions.inventory.models import DeviceGroup
from actions.trail.models import AuditEvent
from tests.factories import enrol, know_devices, make_request, make_submission, statuses

pytestmark = pytest.mark.django_db

WHY = "because a test says so"


def verbs(action_request) -> list[str]:
    lines = AuditEvent.objects.filter(subject=str(action_request.uuid)).order_by("id")
    return [line.verb for line in lines]


def in_a_call(vendor) -> claims.Claim:
    """A claim whose call is on its way."""
    dispatcher.step()  # The token.
    taken = claims.claim()
    assert isinstance(taken, claims.Claim)
    assert taken.payload
    return taken


def test_cancelling_withdraws_unsent_commands(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    action_request = make_request(operator, "a", "b", kind="delete")

    assert controls.cancel(action_request, operator) == 2
    assert controls.cancel(action_request, operator) == 0
    send_due()

    assert set(statuses(action_request).values()) == {S.CANCELLED}
    assert vendor.received == []
    assert verbs(action_request) == ["request.submitted", "request.cancelled"]


def test_only_the_chosen_devices_are_cancelled(operator, vendor, send_due):
    enrol(vendor, "a", "b")
    action_request = make_request(operator, "a", "b")

    controls.cancel(action_request, operator, ["b"])
    send_due()

    assert statuses(action_request) == {"a": S.ACCEPTED, "b": S.CANCELLED}


def test_cancelling_during_a_call_that_succeeds_changes_nothing(operator, vendor):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="delete")
    taken = in_a_call(vendor)

    controls.cancel(action_request, operator)
    dispatcher.send(taken)

    assert statuses(action_request) == {"a": S.ACCEPTED}


@pytest.mark.parametrize("fault", ["throttled", "expired_token"])
def test_cancelling_during_a_call_that_does_nothing_cancels_the_command(operator, vendor, fault):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="delete")
    vendor.fault(fault)
    taken = in_a_call(vendor)

    controls.cancel(action_request, operator)
    dispatcher.send(taken)

    assert statuses(action_request) == {"a": S.CANCELLED}


def test_cancelling_during_a_call_without_an_answer_leaves_the_command_unconfirmed(
    operator, vendor
):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="delete")
    vendor.fault("cut_after")
    taken = in_a_call(vendor)

    controls.cancel(action_request, operator)
    dispatcher.send(taken)

    assert statuses(action_request) == {"a": S.UNCONFIRMED}


def test_pausing_takes_effect_after_the_call_in_flight_and_resuming_continues(
    operator, vendor, send_due, settings
):
    settings.OPSWAT_MAX_DEVICES = 1
    enrol(vendor, "a", "b", "c")
    action_request = make_request(operator, "a", "b", "c", kind="delete")
    taken = in_a_call(vendor)

    assert controls.pause(action_request, operator) == 2
    assert controls.pause(action_request, operator) == 0
    dispatcher.send(taken)
    send_due()
    assert statuses(action_request) == {"a": S.ACCEPTED, "b": S.HELD, "c": S.HELD}
    assert controls.resume(action_request, operator) == 2
    assert controls.resume(action_request, operator) == 0
    send_due()

    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert verbs(action_request).count("request.paused") == 1


def test_a_call_that_does_nothing_leaves_a_paused_request_held(operator, vendor):
    enrol(vendor, "a")
    action_request = make_request(operator, "a", kind="delete")
    vendor.fault("throttled")
    taken = in_a_call(vendor)

    controls.pause(action_request, operator)
    dispatcher.send(taken)

    assert statuses(action_request) == {"a": S.HELD}


def test_a_paused_request_does_not_delay_others(operator, vendor, send_due):
    enrol(vendor, "a")
    controls.pause(make_request(operator, "a", kind="exempt"), operator)
    later = make_request(operator, "a", kind="unexempt")

    send_due()

    assert statuses(later) == {"a": S.ACCEPTED}


def test_a_retry_is_a_linked_request_for_exactly_the_failed_devices(operator, vendor, send_due):
    enrol(vendor, "a", "b", "c")
    vendor.devices["b"].forced_status = -1
    vendor.devices["c"].forced_status = 0
    first = make_request(operator, "a", "b", "c", kind="exempt", hours="8", ticket="INC-1")
    send_due()
    vendor.devices["b"].forced_status = None

    (second,) = controls.retry(first, operator, reason=WHY).requests
    again = controls.retry(first, operator, reason="asked twice")
    send_due()

    assert (again.requests, again.repeated) == ((second,), True)
    assert (second.parent, second.origin, second.ticket) == (first, "retry", "INC-1")
    assert second.params == first.params
    assert statuses(second) == {"b": S.ACCEPTED}


def test_unsupported_and_unconfirmed_devices_are_retried_only_if_named(operator, vendor, send_due):
    enrol(vendor, "a")
    vendor.devices["a"].forced_status = 0
    first = make_request(operator, "a")
    send_due()

    with pytest.raises(Refused, match="No device"):
        controls.retry(first, operator, reason=WHY)

    again = controls.retry(first, operator, statuses=[S.UNSUPPORTED], reason=WHY)
    assert (again.devices, again.repeated) == (1, False)
    with pytest.raises(Refused, match="cannot be retried"):
        controls.retry(first, operator, statuses=[S.ACCEPTED], reason=WHY)


@pytest.mark.parametrize(
    ("kind", "start", "after"),
    [("exempt", "compliant", "compliant"), ("ignore", "unknown", "unknown")],
)
def test_an_undo_is_the_inverse_on_exactly_the_accepted_devices(
    operator, vendor, send_due, kind, start, after
):
    enrol(vendor, "a", "b", status=start)
    vendor.devices["b"].forced_status = -1
    first = make_request(operator, "a", "b", kind=kind)
    send_due()
    vendor.devices["b"].forced_status = None

    (back,) = controls.undo(first, operator, reason=WHY).requests
    assert controls.undo(first, operator, reason=WHY) == controls.ControlResult(1, (back,), True)
    send_due()

    assert statuses(back) == {"a": S.ACCEPTED}
    assert vendor.devices["a"].status == after


def test_undoing_an_assignment_returns_each_device_to_its_former_group(operator, vendor, send_due):
    groups = list(vendor.groups.values())[:3]
    for group in groups:
        DeviceGroup.objects.create(vendor_id=group.group_id, name=group.name, read_at=now())
    vendor.add_device(device_id="a", group_id=groups[0].group_id)
    vendor.add_device(device_id="b", group_id=groups[1].group_id)
    know_devices("a", group_name=groups[0].name)
    know_devices("b", group_name=groups[1].name)
    target = groups[2].group_id
    first = make_request(operator, "a", "b", kind="assign_to_group", group_id=target)
    send_due()
    assert {vendor.devices[name].group_id for name in "ab"} == {target}

    assert len(controls.undo(first, operator, reason=WHY).requests) == 2
    send_due()

    assert vendor.devices["a"].group_id == groups[0].group_id
    assert vendor.devices["b"].group_id == groups[1].group_id


def test_an_undo_without_an_inverse_or_its_hours_is_refused(operator, vendor, send_due):
    enrol(vendor, "a")
    deleted = make_request(operator, "a", kind="delete")
    send_due()
    with pytest.raises(Refused, match="cannot be undone"):
        controls.undo(deleted, operator, reason=WHY)

    enrol(vendor, "b")
    unexempted = make_request(operator, "b", kind="unexempt")
    send_due()
    with pytest.raises(Refused, match="hours"):
        controls.undo(unexempted, operator, reason=WHY)


def test_a_start_time_holds_only_its_own_request(operator, vendor, send_due):
    enrol(vendor, "a")
    tomorrow = now() + timedelta(days=1)
    first = submit_action(make_submission("a", kind="exempt", start_at=tomorrow), operator)
    second = make_request(operator, "a", kind="unexempt")

    send_due()
    assert (statuses(first)["a"], statuses(second)["a"]) == (S.HELD, S.ACCEPTED)
    DeviceCommand.objects.filter(request=first).update(due_at=now())
    send_due()

    assert statuses(first) == {"a": S.ACCEPTED}
    assert "commands.released" in verbs(first)


def test_a_command_that_was_not_sent_in_time_expires(operator, vendor, send_due):
    enrol(vendor, "a")
    soon = now() + timedelta(milliseconds=1)
    action_request = submit_action(make_submission("a", give_up_at=soon), operator)

    sweeper.sweep()
    send_due()

    assert statuses(action_request) == {"a": S.EXPIRED}
    assert vendor.received == []
    assert verbs(action_request)[-1] == "commands.expired"


def test_only_its_submitter_or_an_operator_controls_a_request(operator, helpdesk, auditor, viewer):
    know_devices("a")
    action_request = make_request(operator, "a")
    for actor in (helpdesk, auditor, viewer):
        for verb in (controls.cancel, controls.pause, controls.resume):
            with pytest.raises(NotAllowed):
                verb(action_request, actor)
        with pytest.raises(NotAllowed):
            controls.retry(action_request, actor, reason=WHY)
        with pytest.raises(NotAllowed):
            controls.undo(action_request, actor, reason=WHY)

    own = make_request(helpdesk, "a")
    assert controls.cancel(own, helpdesk) == 1
    assert controls.pause(action_request, operator) == 1
