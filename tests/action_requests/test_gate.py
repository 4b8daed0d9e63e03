"""Who may perform which control, on how much: counted at the vendor, not by status codes."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils.timezone import now

from actions.action_requests import controls
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.repeats import AlreadySubmitted
from actions.action_requests.submit import submit_action
from actions.errors import Code, NotAllowed, Refused
from actions.inventory.models import Device, DeviceGroup
from actions.roles import Role
from actions.selections import choose
from actions.selections.models import SelectedDevice, Selection
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.factories import (
    actor_for,
    enrol,
    know_devices,
    make_person,
    make_request,
    make_submission,
)

pytestmark = pytest.mark.django_db

WHY = "because a test says so"
CONTROLS = ("cancel", "pause", "resume", "retry", "undo")
SIZES = {"within": (4,), "beyond": (12,), "beyond in parts": (7, 6)}
"""Devices in each former group: the undo of an assignment makes a request for each group."""

HELPDESK_LIMIT = 10


def actor_of(name):
    return actor_for(User.objects.get(username=name))


@pytest.fixture
def assigned(vendor):
    """Return a function: make a request by a person that assigns devices of several groups."""

    def make(owner, sizes):
        groups = list(vendor.groups.values())[: len(sizes) + 1]
        names = []
        for place, (group, size) in enumerate(zip(groups[1:], sizes, strict=True)):
            DeviceGroup.objects.create(vendor_id=group.group_id, name=group.name, read_at=now())
            some = [f"device-{place}-{number}" for number in range(size)]
            for name in some:
                vendor.add_device(device_id=name, group_id=group.group_id)
            know_devices(*some, group_name=group.name)
            names += some
        DeviceGroup.objects.create(vendor_id=groups[0].group_id, name=groups[0].name, read_at=now())
        return make_request(owner, *names, kind="assign_to_group", group_id=groups[0].group_id)

    return make


def devices_sent(vendor, since=0):
    """The devices that the vendor was asked to act on, by calls from the numbered one on."""
    bodies = [call.body for call in vendor.received[since:] if call.api == "action"]
    return [name for body in bodies for name in body["ids"]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("whose", ["own", "other's"])
@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("verb", CONTROLS)
def test_h1_each_control_sends_only_what_the_person_may_send(
    assigned, vendor, send_due, verb, role, whose, size
):
    """Matrix: control by role by whose request by size; the rows are counted at the vendor."""
    owner = make_person("owen", "operator")
    person = owner if whose == "own" else make_person("petra", role)
    request = assigned(actor_for(owner), SIZES[size])
    boss = actor_for(make_person("bo", "operator"))
    count = sum(SIZES[size])
    if verb == "resume":
        controls.pause(request, boss)
    if verb in ("retry", "undo"):
        for device in vendor.devices.values():
            device.forced_status = -1 if verb == "retry" else None
        send_due()
        for device in vendor.devices.values():
            device.forced_status = None
    User.objects.filter(pk=person.pk).update(role=role)
    actor, since, rows = actor_of(person.username), len(vendor.received), stored()
    allowed = role == "operator" or (
        role == "helpdesk"
        and whose == "own"
        and (verb in ("cancel", "pause") or count <= HELPDESK_LIMIT)
    )

    outcome = perform(verb, request, actor)
    send_due()

    assert outcome == allowed
    stops = verb in ("cancel", "pause")
    assert len(devices_sent(vendor, since)) == (count if allowed != stops else 0)
    refusals = AuditEvent.objects.filter(verb__endswith="refused")
    assert refusals.count() == (0 if allowed else 1)
    assert allowed or stored() == rows
    if not allowed:
        assert refusals.get().actor == person.username


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_h1_no_service_freezes_devices_for_who_may_not_act_on_them(role, operator):
    know_devices("a")
    person = actor_for(make_person("petra", role))
    some = choose.choose_devices(Device.objects.all(), operator)
    Selection.objects.filter(pk=some.pk).update(user=person.user_id)
    some.refresh_from_db()
    for act in (
        lambda: choose.choose_devices(Device.objects.all(), person),
        lambda: choose.choose_targets([("a", None)], person, addressing="ids"),
        lambda: choose.choose_part(some, SelectedDevice.objects.all(), person),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert Selection.objects.count() == 1
    assert AuditEvent.objects.filter(verb="selection.refused", actor="petra").count() == 3


def stored():
    return ActionRequest.objects.count(), DeviceCommand.objects.count()


def perform(verb, request, actor) -> bool:
    try:
        controls.perform(verb, request, actor, reason=WHY)
    except (Refused, NotAllowed):
        return False
    return True


def test_h1_an_undo_of_many_groups_stores_all_its_requests_or_none(assigned, operator, send_due):
    """An undo whose second request is refused leaves nothing of the first."""
    request = assigned(operator, (6, 12))
    send_due()
    person = make_person("owen", "helpdesk")
    ActionRequest.objects.filter(pk=request.pk).update(user=person)
    rows = stored()

    with pytest.raises(Refused, match="at most 10 devices in one request; 18"):
        controls.undo(ActionRequest.objects.get(pk=request.pk), actor_for(person), reason=WHY)

    assert stored() == rows


def test_h1_a_group_that_vanished_refuses_the_whole_undo(assigned, operator, send_due):
    request = assigned(operator, (2, 3))
    send_due()
    rows = stored()
    DeviceGroup.objects.filter(pk=DeviceGroup.objects.order_by("pk")[1].pk).delete()
    with pytest.raises(Refused):
        controls.undo(request, operator, reason=WHY)
    assert stored() == rows


@pytest.mark.parametrize("verb", ["retry", "undo"])
def test_h1_a_repeat_is_refused_to_whom_the_first_was_refused(
    vendor, operator, viewer, send_due, verb
):
    enrol(vendor, "a")
    vendor.devices["a"].forced_status = -1 if verb == "retry" else None
    request = make_request(operator, "a", kind="exempt")
    send_due()
    controls.perform(verb, request, operator, reason=WHY)

    with pytest.raises(NotAllowed):
        controls.perform(verb, request, viewer, reason=WHY)

    line = AuditEvent.objects.get(actor=viewer.name)
    assert (line.verb, line.subject) == (f"request.{verb}_refused", str(request.uuid))


@pytest.mark.parametrize("verb", ["", "UNDO", "undo ", "delete", "\x00"])
def test_m5_an_unknown_control_passes_the_gate_and_leaves_one_line(
    operator, helpdesk, viewer, verb
):
    know_devices("a")
    request = make_request(operator, "a")
    before = stored()
    for actor, code in (
        (viewer, Code.NOT_YOUR_REQUEST),
        (helpdesk, Code.NOT_YOUR_REQUEST),
        (operator, Code.UNKNOWN_CONTROL),
    ):
        assert not perform(verb, request, actor)
        line = AuditEvent.objects.get(actor=actor.name, verb="page.refused")
        assert (line.subject, line.data["codes"]) == (str(request.uuid), [code])
    assert stored() == before


@pytest.mark.parametrize("verb", ["retry", "undo"])
def test_h1_a_repeat_says_that_it_was_asked_already(vendor, operator, send_due, verb):
    enrol(vendor, "a")
    vendor.devices["a"].forced_status = -1 if verb == "retry" else None
    request = make_request(operator, "a", kind="exempt")
    send_due()
    first = controls.perform(verb, request, operator, reason=WHY)
    rows = stored()
    second = controls.perform(verb, request, operator, reason="another reason")
    assert (first.repeated, second.repeated) == (False, True)
    assert (second.requests, stored()) == (first.requests, rows)


@pytest.mark.parametrize("verb", ["retry", "undo"])
@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501])
def test_a_retry_and_an_undo_need_a_reason(vendor, operator, send_due, verb, reason):
    enrol(vendor, "a")
    vendor.devices["a"].forced_status = -1 if verb == "retry" else None
    request = make_request(operator, "a", kind="exempt")
    send_due()
    with pytest.raises(Refused) as refusal:
        controls.perform(verb, request, operator, reason=reason)
    assert refusal.value.by_field().keys() == {"reason"}


def test_h2_a_form_token_of_another_person_takes_nothing_away(operator, helpdesk):
    know_devices("a", "b")
    token = uuid4()
    first = make_request(helpdesk, "a", kind="dhcprenew", form_token=token)
    second = make_request(operator, "b", kind="delete", form_token=token)
    assert first != second
    assert list(second.commands.values_list("target", flat=True)) == ["b"]


def test_h2_no_form_token_stands_for_an_undo_that_was_not_asked(
    vendor, operator, helpdesk, send_due
):
    """A person sends forms with every token that a request shows or stores, before the undo."""
    enrol(vendor, "a")
    request = make_request(operator, "a", kind="exempt")
    send_due()
    for token in (request.uuid, request.form_token):
        make_request(helpdesk, "a", kind="dhcprenew", form_token=token)
    result = controls.undo(request, operator, reason=WHY)
    assert not result.repeated
    assert [each.kind_name for each in result.requests] == ["unexempt"]
    assert AuditEvent.objects.filter(verb="request.submitted", actor=operator.name).count() == 2


def test_h2_a_used_form_with_another_content_is_refused_and_recorded(operator):
    know_devices("a", "b")
    sent = make_submission("a")
    first = submit_action(sent, operator)
    with pytest.raises(AlreadySubmitted) as repeat:
        submit_action(sent, operator)
    assert repeat.value.action_request == first
    before = AuditEvent.objects.count()
    for change in (
        make_submission("b"),
        make_submission("a", kind="delete"),
        make_submission("a", kind="exempt"),
        make_submission("a", reason="Another reason"),
        make_submission("a", ticket="INC-1"),
    ):
        with pytest.raises(Refused) as refusal:
            submit_action(replace(change, form_token=sent.form_token), operator)
        assert refusal.value.codes == [Code.FORM_USED]
    assert ActionRequest.objects.count() == 1
    assert AuditEvent.objects.count() == before + 5
