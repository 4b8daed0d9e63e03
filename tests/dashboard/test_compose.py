"""From the chosen devices through the form to a stored request, or to words beside the field."""

import threading
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.catalog import KINDS
from actions.inventory.models import Device, DeviceGroup
from actions.roles import Role
from actions.selections import choose
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import actor_for, know_devices, make_person

pytestmark = pytest.mark.django_db

NEW = "/requests/new/"


@pytest.fixture
def group(db):
    return DeviceGroup.objects.create(
        vendor_id="g-1", name="Quarantine", read_at="2026-01-01T00:00Z"
    )


@pytest.fixture
def devices(db):
    return know_devices("kiosk", "laptop", "tablet")


def select(devices, owner="operator"):
    """What that person has chosen."""
    actor = actor_for(User.objects.get(username=owner))
    keys = [device.pk for device in devices]
    return choose.choose_devices(Device.objects.filter(pk__in=keys), actor)


def wish(devices, kind="exempt", owner="operator", **fields):
    """What the form sends; hours for an exemption unless a test says otherwise."""
    form = {
        "selection": str(select(devices, owner).uuid),
        "form_token": str(uuid4()),
        "kind": kind,
        "reason": "because a test says so",
        "step": "send",
    }
    if kind == "exempt":
        form["exempt_hours"] = "24"
    return form | fields


def stored():
    return ActionRequest.objects.count() + DeviceCommand.objects.count()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_goes_through_the_form_into_a_stored_request(page, devices, group, kind):
    more = {"group_id": "g-1"} if kind == "assign_to_group" else {}

    answer = page.post(NEW, wish(devices, kind, ticket=" CHG-7 ", **more))

    action_request = ActionRequest.objects.get()
    assert answer["Location"] == f"/requests/{action_request.uuid}/"
    assert (action_request.kind_name, action_request.ticket) == (kind, "CHG-7")
    expected = {"exempt": {"exempt_time": 24}, "assign_to_group": {"group_id": "g-1"}}
    assert action_request.params == expected.get(kind, {})
    targets = action_request.commands.values_list("target", flat=True)
    assert set(targets) == {"kiosk", "laptop", "tablet"}
    line = AuditEvent.objects.get(verb="request.submitted")
    assert (line.actor, line.source, line.address) == ("operator", "page", "127.0.0.1")
    assert line.request_id == answer["X-Request-ID"]


WRONG = {
    "an unknown kind": ({"kind": "reboot"}, "kind"),
    "no kind": ({"kind": ""}, "kind"),
    "no device": ({"selection": ""}, None),
    "hours below one": ({"exempt_hours": "-1"}, "exempt_hours"),
    "zero hours": ({"exempt_hours": "0"}, "exempt_hours"),
    "too many hours": ({"exempt_hours": "65000"}, "exempt_hours"),
    "half an hour": ({"exempt_hours": "1.5"}, "exempt_hours"),
    "no number": ({"exempt_hours": "x"}, "exempt_hours"),
    "other digits": ({"exempt_hours": "２４"}, "exempt_hours"),
    "very many digits": ({"exempt_hours": "9" * 5000}, "exempt_hours"),
    "neither hours nor for ever": ({"exempt_hours": ""}, "exempt_hours"),
    "both hours and for ever": ({"forever": "on"}, "exempt_hours"),
    "no group": ({"kind": "assign_to_group"}, "group_id"),
    "an unknown group": ({"kind": "assign_to_group", "group_id": "g-9"}, "group_id"),
    "no reason": ({"reason": ""}, "reason"),
    "a blank reason": ({"reason": " \n "}, "reason"),
    "a reason that is too long": ({"reason": "x" * 501}, "reason"),
    "a reason with a NUL": ({"reason": "a\x00b"}, "reason"),
    "a long ticket": ({"ticket": "x" * 101}, "ticket"),
    "no form token": ({"form_token": ""}, None),
    "an odd form token": ({"form_token": "x"}, None),
}


@pytest.mark.parametrize("step", ["review", "send"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_stored(
    page, devices, group, name, step
):
    fields, where = WRONG[name]

    answer = page.post(NEW, wish(devices) | fields | {"step": step})

    assert answer.status_code == 422
    assert stored() == 0
    errors = answer.context["form"].errors
    assert where is None or where in errors
    text = Parsed(answer.content.decode()).text
    for texts in errors.values():
        for error in texts:
            assert error in text


def test_what_was_typed_is_still_there_after_an_error(page, devices):
    answer = page.post(NEW, wish(devices, exempt_hours="x", ticket="CHG-7"))
    html = answer.content.decode()
    assert "because a test says so" in html
    assert 'value="CHG-7"' in html
    assert 'value="x"' in html
    assert "3 devices chosen" in Parsed(html).text


@pytest.mark.parametrize("vanish", ["gone", "deleted"])
def test_a_device_that_has_vanished_stops_the_request(page, devices, vanish):
    form = wish(devices)
    if vanish == "gone":
        Device.objects.filter(vendor_id="kiosk").update(gone_at="2026-01-01T00:00Z")
    else:
        Device.objects.filter(vendor_id="kiosk").delete()
    answer = page.post(NEW, form)
    assert answer.status_code == 422
    told = "1 no longer listed" if vanish == "gone" else "1 not in the inventory: kiosk"
    assert told in answer.content.decode()
    assert stored() == 0


def test_for_ever_is_only_taken_from_its_own_box(page, devices):
    page.post(NEW, wish(devices, exempt_hours="", forever="on"))
    assert ActionRequest.objects.get().params == {"exempt_time": 0}


def test_hours_left_over_from_another_kind_are_no_obstacle(page, devices):
    page.post(NEW, wish(devices, "unexempt", exempt_hours="24", forever="on", group_id=""))
    assert ActionRequest.objects.get().params == {}


@pytest.mark.parametrize("step", ["review", "send"])
def test_helpdesk_acts_on_ten_devices_but_not_on_eleven(visit: Visitor, step):
    eleven = know_devices(*(f"device-{number}" for number in range(11)))
    helpdesk = visit("helpdesk")

    answer = helpdesk.post(NEW, wish(eleven, owner="helpdesk", step=step))

    assert answer.status_code == 422
    assert "at most 10 devices" in answer.content.decode()
    assert stored() == 0
    assert helpdesk.post(NEW, wish(eleven[:10], owner="helpdesk")).status_code == 302


@pytest.mark.parametrize("step", ["review", "send"])
def test_helpdesk_deletes_nothing_even_past_the_disabled_box(visit: Visitor, devices, step):
    helpdesk = visit("helpdesk")
    answer = helpdesk.post(NEW, wish(devices, "delete", owner="helpdesk", step=step))
    assert answer.status_code == 422
    assert "The role Helpdesk cannot send Delete." in answer.content.decode()
    assert stored() == 0


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_who_only_looks_on_is_refused_at_every_step(visit: Visitor, devices, role):
    client = visit(role)
    assert client.get(NEW).status_code == 403
    for step in ("choose", "change", "review", "send"):
        form = wish(devices, owner=role, step=step)
        assert client.post(NEW, form).status_code == 403
    assert stored() == 0


def test_a_refusal_at_sending_is_written_into_the_trail(visit: Visitor, devices):
    helpdesk = visit("helpdesk")
    helpdesk.post(NEW, wish(devices, "delete", owner="helpdesk"))
    line = AuditEvent.objects.exclude(verb="person.signed_in").get()
    assert (line.verb, line.actor, line.subject) == ("request.refused", "helpdesk", "delete")


def test_the_boxes_of_the_list_lead_to_the_form(page, devices):
    keys = [device.pk for device in devices]
    answer = page.post("/selections/", {"device": [*keys, keys[0], "x", "²"]}, follow=True)
    text = Parsed(answer.content.decode()).text
    assert (answer.status_code, stored()) == (200, 0)
    assert "New action · 3 devices" in text
    assert all(kind.label in text for kind in KINDS.values())


def test_without_a_choice_the_form_says_so(page):
    assert "No devices selected" in page.get(NEW).content.decode()
    assert page.get(NEW, {"selection": "not-an-id"}).status_code == 404


def test_the_review_repeats_verb_count_and_sample_and_stores_nothing(page):
    twelve = know_devices(*(f"device-{number:02}" for number in range(12)))

    answer = page.post(NEW, wish(twelve, "delete", step="review", ticket="CHG-7"))

    parsed = Parsed(answer.content.decode())
    assert (answer.status_code, stored()) == (200, 0)
    assert "Delete 12 devices?" in parsed.text
    assert "device-07" in parsed.text
    assert "device-08" not in parsed.text
    assert "and 4 more" in parsed.text
    assert "This cannot be undone." in parsed.text
    assert "because a test says so" in parsed.text
    buttons = {
        attributes["value"]: attributes
        for tag, attributes in parsed.elements
        if tag == "button" and attributes.get("name") == "step"
    }
    assert list(buttons) == ["change", "send"]
    assert "autofocus" in buttons["change"]


def test_an_exemption_for_ever_is_said_aloud_at_the_review(page, devices):
    answer = page.post(NEW, wish(devices, exempt_hours="", forever="on", step="review"))
    assert "these exemptions do not expire" in answer.content.decode()


def test_the_review_sends_on_exactly_what_was_filled_in(page, devices):
    form = wish(devices, step="review", ticket="CHG-7", reason="two\nlines & “quotes”")
    parsed = Parsed(page.post(NEW, form).content.decode())
    hidden = {
        attributes["name"]: attributes.get("value", "")
        for tag, attributes in parsed.elements
        if tag == "input" and attributes.get("type") == "hidden"
    }
    page.post(NEW, hidden | {"step": "send"})
    action_request = ActionRequest.objects.get()
    assert (action_request.device_count, action_request.ticket) == (3, "CHG-7")
    assert action_request.reason == "two lines & “quotes”"
    assert str(action_request.form_token) == form["form_token"]


def test_back_from_the_review_keeps_everything(page, devices):
    answer = page.post(NEW, wish(devices, step="change", ticket="CHG-7"))
    assert (answer.status_code, stored()) == (200, 0)
    assert 'value="CHG-7"' in answer.content.decode()


def test_a_choice_of_six_thousand_is_counted_and_sent_whole(page):
    many = know_devices(*(f"device-{number:04}" for number in range(6000)))
    answer = page.post(NEW, wish(many, step="review"))
    assert "Exempt 6,000 devices?" in answer.content.decode()
    page.post(NEW, wish(many))
    assert ActionRequest.objects.get().commands.count() == 6000


def test_a_form_sent_twice_leads_to_its_first_request(page, devices):
    form = wish(devices)
    first, second = page.post(NEW, form), page.post(NEW, form)
    assert first["Location"] == second["Location"]
    assert (ActionRequest.objects.count(), DeviceCommand.objects.count()) == (1, 3)
    told = page.get(second["Location"]).content.decode()
    assert "This form was sent already; nothing was sent again." in told


@pytest.mark.parametrize("field", ["user", "actor", "role", "lane", "device_count", "source"])
def test_fields_that_are_not_in_the_form_change_nothing(page, devices, field):
    page.post(NEW, wish(devices, **{field: "4711"}))
    action_request = ActionRequest.objects.get()
    assert str(getattr(action_request, field)) != "4711"
    assert (action_request.actor, action_request.device_count) == ("operator", 3)


@pytest.mark.django_db(transaction=True)
def test_six_posts_at_once_with_one_token_make_one_request(devices):
    person = make_person("oscar", Role.OPERATOR)
    form = wish(devices, owner="oscar")
    clients = [Client() for _ in range(6)]
    for client in clients:
        client.force_login(person)
    together = threading.Barrier(6)
    found: list[tuple[int, str]] = []

    def post(client):
        try:
            together.wait(10)
            answer = client.post(NEW, form)
            found.append((answer.status_code, answer.headers.get("Location", "")))
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    action_request = ActionRequest.objects.get()
    assert found == [(302, f"/requests/{action_request.uuid}/")] * 6
    assert DeviceCommand.objects.count() == 3
    assert AuditEvent.objects.filter(verb="request.submitted").count() == 1
