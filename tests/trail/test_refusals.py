"""A service that refuses leaves exactly one line of the trail, with codes for programs."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from actions.action_requests import controls
from actions.actor import Actor
from actions.errors import Code, NotAllowed, Problem, Refused
from actions.inventory import refresh
from actions.inventory.models import Device
from actions.inventory.sync import start_sync
from actions.selections.choose import choose_devices, choose_part
from actions.selections.models import SelectedDevice, Selection
from actions.trail.models import AuditEvent
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb
from tests.factories import know_devices, make_request, statuses

pytestmark = pytest.mark.django_db


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("device", "inner"))
@transaction.atomic
def inner(actor: Actor) -> None:
    know_devices("inner")
    raise Refused.because("devices", Code.DEVICES_MISSING, "Choose at least %(count)s.", count=2)


@records_refusals(Verb.VIEW_CHANGE_REFUSED, fixed_subject("device", "outer"))
@transaction.atomic
def outer(actor: Actor) -> None:
    know_devices("outer")
    inner(actor)


def the_line() -> AuditEvent:
    return AuditEvent.objects.get()


@pytest.mark.django_db(transaction=True)
def test_the_line_outlives_the_transactions_and_names_the_innermost_service(operator):
    with pytest.raises(Refused):
        outer(operator)

    assert not Device.objects.exists()
    line = the_line()
    assert (line.verb, line.subject, line.actor) == ("selection.refused", "inner", "oscar")
    assert line.data["problems"] == {"devices": ["Choose at least 2."]}
    assert line.data["codes"] == ["devices_missing"]


def test_a_refusal_has_its_texts_beside_their_fields_and_each_code_once():
    refusal = Refused(
        Problem("reason", Code.REASON_MISSING, "Give a reason."),
        Problem("devices", Code.MAC_INVALID, "“%(given)s” is no MAC.", {"given": "100%"}),
        Problem("devices", Code.MAC_INVALID, "100% wrong."),
    )

    assert refusal.by_field() == {
        "reason": ["Give a reason."],
        "devices": ["“100%” is no MAC.", "100% wrong."],
    }
    assert refusal.codes == ["reason_missing", "mac_invalid"]
    assert str(refusal) == "Give a reason. “100%” is no MAC. 100% wrong."


def test_every_code_is_raised_somewhere():
    used = set()
    for top in ("actions", "dashboard"):
        for path in (Path(settings.BASE_DIR) / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Code":
                    used.add(node.attr)
    assert used == {code.name for code in Code}
    assert all(code.name.lower() == code for code in Code)


def test_a_full_read_that_a_role_cannot_start_is_recorded(helpdesk):
    with pytest.raises(NotAllowed):
        start_sync(helpdesk)

    line = the_line()
    assert (line.verb, line.actor) == ("inventory.sync_refused", "hanna")
    assert line.data["codes"] == ["role_may_not_sync"]


def test_a_refresh_that_a_role_cannot_request_is_recorded(viewer):
    (device,) = know_devices("kiosk")

    with pytest.raises(NotAllowed):
        refresh.refresh(device, viewer)

    assert (the_line().verb, the_line().subject) == ("device.refresh_refused", "kiosk")


def test_a_part_of_the_selection_of_another_is_refused_and_recorded(operator, helpdesk):
    know_devices("kiosk")
    selection = choose_devices(Device.objects.all(), operator)

    with pytest.raises(NotAllowed):
        choose_part(selection, SelectedDevice.objects.all(), helpdesk)

    assert Selection.objects.get() == selection
    assert (the_line().verb, the_line().subject) == ("selection.refused", str(selection.uuid))


def test_a_freeze_without_a_reason_is_recorded(operator):
    with pytest.raises(Refused):
        controls.freeze(operator, frozen=True, reason=" ")

    assert the_line().data["codes"] == ["reason_missing"]


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_a_refused_command_leaves_one_line_also_as_a_dry_run(db, options):
    with pytest.raises(CommandError, match="not in the inventory"):
        call_command("submit_action", "delete", "--ids", "ghost", "--reason", "test", **options)

    lines = AuditEvent.objects.values_list("verb", "source", "data__codes")
    assert list(lines) == [("request.refused", "command", ["unknown_devices"])]


def test_a_control_that_the_command_line_is_refused_leaves_one_line(operator):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")

    with pytest.raises(CommandError, match="no outcome “broken”"):
        call_command("action_request", str(action_request.uuid), "retry", "--only", "broken")

    line = AuditEvent.objects.get(verb="request.retry_refused")
    assert (line.source, line.data["codes"]) == ("command", ["unknown_outcome"])


def test_an_unknown_control_changes_nothing_and_leaves_one_line(operator):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    before = AuditEvent.objects.count()

    with pytest.raises(Refused) as refusal:
        controls.perform("explode", action_request, operator)

    assert refusal.value.codes == ["unknown_control"]
    assert AuditEvent.objects.count() == before + 1
    assert statuses(action_request) == {"kiosk": "queued"}
