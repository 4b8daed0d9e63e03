"""Compose: from a selection through form and review to a stored request, or to an error."""

import pytest

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.catalog import KINDS
from actions.inventory.models import Device, DeviceGroup
from actions.selections import choose
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.dashboard.conftest import Visitor, form_token
from tests.dashboard.walk import Parsed
from tests.factories import actor_for, know_devices

pytestmark = pytest.mark.django_db

NEW = "/requests/new/"


@pytest.fixture
def group(db):
    return DeviceGroup.objects.create(
        vendor_id="g-1", name="Quarantine", read_at="2026-01-01T00:00Z"
    )


def select(devices, owner="operator"):
    """A selection of these devices by that user."""
    actor = actor_for(User.objects.get(username=owner))
    keys = [device.pk for device in devices]
    return choose.choose_devices(Device.objects.filter(pk__in=keys), actor)


def form_data(page, devices, kind="exempt", owner="operator", **fields):
    """The fields of a valid form; an exemption has 24 hours by default."""
    form = {
        "selection": str(select(devices, owner).uuid),
        "form_token": form_token(page),
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
def test_each_kind_is_submitted_by_the_form_and_stored(page, devices, group, kind):
    more = {"group_id": "g-1"} if kind == "assign_to_group" else {}

    answer = page.post(NEW, form_data(page, devices, kind, ticket=" CHG-7 ", **more))

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
    "neither hours nor permanent": ({"exempt_hours": ""}, "exempt_hours"),
    "both hours and permanent": ({"forever": "on"}, "exempt_hours"),
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
def test_a_problem_is_shown_beside_its_field_and_nothing_is_stored(
    page, devices, group, name, step
):
    fields, where = WRONG[name]

    answer = page.post(NEW, form_data(page, devices) | fields | {"step": step})

    assert answer.status_code == 422
    assert stored() == 0
    errors = answer.context["form"].errors
    assert where is None or where in errors
    text = Parsed(answer.content.decode()).text
    for texts in errors.values():
        for error in texts:
            assert error in text


def test_the_input_is_kept_after_an_error(page, devices):
    answer = page.post(NEW, form_data(page, devices, exempt_hours="x", ticket="CHG-7"))
    html = answer.content.decode()
    assert "because a test says so" in html
    assert 'value="CHG-7"' in html
    assert 'value="x"' in html
    assert "3 devices chosen" in Parsed(html).text


@pytest.mark.parametrize("vanish", ["gone", "deleted"])
def test_a_removed_device_refuses_the_request(page, devices, vanish):
    form = form_data(page, devices)
    if vanish == "gone":
        Device.objects.filter(vendor_id="kiosk").update(gone_at="2026-01-01T00:00Z")
    else:
        Device.objects.filter(vendor_id="kiosk").delete()
    answer = page.post(NEW, form)
    assert answer.status_code == 422
    text = "1 no longer listed" if vanish == "gone" else "1 not in the inventory: kiosk"
    assert text in answer.content.decode()
    assert stored() == 0


def test_only_its_checkbox_makes_an_exemption_permanent(page, devices):
    page.post(NEW, form_data(page, devices, exempt_hours="", forever="on"))
    assert ActionRequest.objects.get().params == {"exempt_time": 0}


def test_hours_entered_for_another_kind_are_ignored(page, devices):
    page.post(
        NEW, form_data(page, devices, "unexempt", exempt_hours="24", forever="on", group_id="")
    )
    assert ActionRequest.objects.get().params == {}


@pytest.mark.parametrize("step", ["review", "send"])
def test_helpdesk_acts_on_ten_devices_but_not_on_eleven(visit: Visitor, step):
    eleven = know_devices(*(f"device-{number}" for number in range(11)))
    helpdesk = visit("helpdesk")

    answer = helpdesk.post(NEW, form_data(helpdesk, eleven, owner="helpdesk", step=step))

    assert answer.status_code == 422
    assert "at most 10 devices" in answer.content.decode()
    assert stored() == 0
    assert helpdesk.post(NEW, form_data(helpdesk, eleven[:10], owner="helpdesk")).status_code == 302


@pytest.mark.parametrize("step", ["review", "send"])
def test_helpdesk_cannot_submit_delete_although_the_form_is_forged(visit: Visitor, devices, step):
    helpdesk = visit("helpdesk")
    answer = helpdesk.post(NEW, form_data(helpdesk, devices, "delete", owner="helpdesk", step=step))
    assert answer.status_code == 422
    assert "The role Helpdesk cannot send Delete." in answer.content.decode()
    assert stored() == 0


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_roles_without_kinds_are_refused_at_every_step(visit: Visitor, devices, role):
    visit("operator")
    client = visit(role)
    assert client.get(NEW).status_code == 403
    for step in ("choose", "change", "review", "send"):
        form = form_data(client, devices, step=step)
        assert client.post(NEW, form).status_code == 403
    assert stored() == 0


def test_a_refused_submission_is_recorded(visit: Visitor, devices):
    helpdesk = visit("helpdesk")
    helpdesk.post(NEW, form_data(helpdesk, devices, "delete", owner="helpdesk"))
    line = AuditEvent.objects.exclude(verb="person.signed_in").get()
    assert (line.verb, line.actor, line.subject) == ("request.refused", "helpdesk", "delete")


def test_ticked_rows_lead_to_the_form(page, devices):
    keys = [device.pk for device in devices]
    answer = page.post("/selections/", {"device": [*keys, keys[0], "x", "²"]}, follow=True)
    text = Parsed(answer.content.decode()).text
    assert (answer.status_code, stored()) == (200, 0)
    assert "New action · 3 devices" in text
    assert all(kind.label in text for kind in KINDS.values())


def test_the_form_without_a_selection_shows_a_message(page):
    assert "No devices selected" in page.get(NEW).content.decode()
    assert page.get(NEW, {"selection": "not-an-id"}).status_code == 404
