"""A request is stored completely or not at all."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.repeats import AlreadySubmitted
from actions.action_requests.states import CommandStatus
from actions.action_requests.submit import check_submission, submit_action
from actions.errors import Refused
from actions.inventory.models import Device, DeviceGroup
from actions.ratelimit.states import Lane
from actions.trail import key_marks
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.factories import know_devices, make_request, make_submission

pytestmark = pytest.mark.django_db


def nothing_stored() -> bool:
    return not ActionRequest.objects.exists() and not DeviceCommand.objects.exists()


def test_a_request_stores_its_person_action_reason_and_a_row_for_each_device(operator):
    know_devices("a", "b")

    action_request = make_request(operator, "a", "b", kind="exempt", hours="8", ticket="INC-1")

    assert action_request.params == {"exempt_time": 8}
    assert (action_request.actor, action_request.role) == ("oscar", "operator")
    commands = action_request.commands.order_by("target")
    assert [command.device_name for command in commands] == ["a", "b"]
    assert {command.status for command in commands} == {CommandStatus.QUEUED}
    line = AuditEvent.objects.get()
    assert (line.verb, line.actor, line.ticket) == ("request.submitted", "oscar", "INC-1")
    assert line.data["count"] == 2


def test_deleting_the_device_and_the_person_keeps_the_record(operator):
    know_devices("a")
    action_request = make_request(operator, "a")

    Device.objects.all().delete()
    User.objects.all().delete()

    action_request.refresh_from_db()
    assert (action_request.actor, action_request.user) == ("oscar", None)
    assert action_request.commands.get().device_name == "a"
    assert AuditEvent.objects.get().actor == "oscar"


@pytest.mark.parametrize(
    ("count", "lane"), [(1, Lane.URGENT), (5, Lane.URGENT), (6, Lane.NORMAL), (501, Lane.BULK)]
)
def test_the_size_of_a_request_determines_its_lane(operator, count, lane):
    names = [f"d{number}" for number in range(count)]
    know_devices(*names)

    assert make_request(operator, *names).lane == lane


def test_a_token_used_twice_makes_one_request(operator):
    know_devices("a")
    submission = make_submission("a")
    first = submit_action(submission, operator)

    with pytest.raises(AlreadySubmitted) as twin:
        submit_action(submission, operator)

    assert twin.value.action_request == first
    assert DeviceCommand.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_a_role_without_actions_stores_nothing_and_the_refusal_is_recorded(role, request):
    actor = request.getfixturevalue(role)
    know_devices("a")

    with pytest.raises(Refused, match="cannot submit"):
        make_request(actor, "a")

    assert nothing_stored()
    line = AuditEvent.objects.get()
    assert (line.verb, line.actor) == ("request.refused", actor.name)


def test_unlisted_devices_are_refused_unless_allowed_and_then_counted(operator):
    with pytest.raises(Refused, match="not in the inventory"):
        make_request(operator, "ghost")
    assert nothing_stored()

    action_request = make_request(operator, "ghost", allow_unlisted=True)

    assert action_request.unlisted_count == 1
    assert action_request.commands.get().device is None


def test_a_device_that_the_vendor_no_longer_lists_is_refused(operator):
    know_devices("a")
    Device.objects.update(gone_at="2026-01-01T00:00:00Z")

    with pytest.raises(Refused, match="no longer listed"):
        make_request(operator, "a")

    assert nothing_stored()


def test_a_group_that_is_not_in_the_inventory_is_refused(operator):
    know_devices("a")
    DeviceGroup.objects.create(vendor_id="g1", name="Lab", read_at="2026-01-01T00:00:00Z")

    with pytest.raises(Refused) as refusal:
        make_request(operator, "a", kind="assign_to_group", group_id="g2")
    assert set(refusal.value.by_field()) == {"group_id"}

    assert make_request(operator, "a", kind="assign_to_group", group_id="g1").params
    assert make_request(operator, "a", kind="assign_to_group", group_id="default").params


@pytest.mark.parametrize("allow_unlisted", [False, True])
def test_case_21_a_mac_of_two_devices_is_refused_and_names_them(operator, allow_unlisted):
    know_devices("a", "b", macs=("AA:BB:CC:DD:EE:01",))

    with pytest.raises(Refused, match="names several devices: a, b; use their ids") as refusal:
        make_request(
            operator, "AA:BB:CC:DD:EE:01", addressing="macs", allow_unlisted=allow_unlisted
        )

    assert refusal.value.codes == ["ambiguous_devices"]
    assert nothing_stored()
    assert AuditEvent.objects.get().data["codes"] == ["ambiguous_devices"]


def test_a_failure_in_the_middle_leaves_neither_rows_nor_an_audit_line(operator):
    know_devices("a", "b")
    with pytest.raises(DatabaseError), transaction.atomic():
        make_request(operator, "a", "b")
        raise DatabaseError("The disk is full.")

    assert nothing_stored()
    assert not AuditEvent.objects.exists()


def test_checking_stores_nothing(operator):
    know_devices("a")

    assert set(check_submission(make_submission("a"), operator)) == {"a"}

    assert nothing_stored()


def test_submitting_takes_the_same_number_of_queries_for_one_and_for_a_thousand_devices(
    operator, settings, monkeypatch
):
    # A process that has signed a line before, and so has compared its key.
    signing = next(iter(settings.AUDIT_KEYS.items()))
    monkeypatch.setattr(key_marks, "_checked", {signing})
    names = [f"d{number}" for number in range(1001)]
    know_devices(*names)

    selects = []
    for targets in (names[:1], names[1:]):
        with CaptureQueriesContext(connection) as queries:
            make_request(operator, *targets)
        selects.append([query for query in queries if query["sql"].startswith("SELECT")])

    assert len(selects[0]) == len(selects[1]) <= 4
