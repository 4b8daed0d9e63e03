"""Each status of a command is explained in plain words, with what to do next."""

import itertools
from typing import Any

import pytest
from django.utils.timezone import now

from actions.action_requests import readback, selectors
from actions.action_requests.explanations import explain
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.opswat.payloads import DevicePage
from tests.factories import enrol, know_devices, make_request, make_submission

pytestmark = pytest.mark.django_db

S = CommandStatus
NEEDS_A_PERSON = (S.FAILED, S.UNSUPPORTED, S.UNCONFIRMED, S.NOT_SEEN)
DETAILS = (
    "",
    "POST /o/api/v3.1/devices/action: sent, but no usable answer came (the connection broke off).",
    "POST /o/api/v3.1/devices/action: HTTP 400. An earlier call with it had no answer.",
)


def command_of(action_request: Any, **values: Any) -> DeviceCommand:
    rows = DeviceCommand.objects.filter(request=action_request)
    rows.update(**values)
    return rows.get()


@pytest.mark.parametrize("status", S.values)
def test_a8_every_status_is_explained_without_addresses(operator: Actor, status: str) -> None:
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk", kind="exempt")
    for detail, code, http, check in itertools.product(
        DETAILS, (None, -1, 0, 7), (None, 200, 400, 503), (None, now())
    ):
        raw = "" if code is None else str(code)
        values = {"vendor_status": code, "vendor_raw": raw, "http_status": http}
        found = explain(
            command_of(action_request, status=status, detail=detail, check_at=check, **values)
        )
        text = f"{found.happened} {found.next_step} {found.note}"
        assert "/o/api" not in text
        assert "POST" not in text
        if status in NEEDS_A_PERSON:
            assert found.happened
            assert found.next_step


@pytest.mark.parametrize(
    ("fault", "happened"),
    [
        ({"name": "cut_after"}, "The connection ended before OPSWAT answered."),
        ({"name": "status", "code": 503}, "OPSWAT answered with a server error (HTTP 503)."),
        ({"name": "odd_status", "value": 7}, "which it does not document"),
        ({"name": "missing_rows"}, "the answer does not tell the outcome"),
        ({"name": "odd_status", "value": -1}, "it failed (status \u22121)"),
        ({"name": "odd_status", "value": 0}, "does not support the action (status 0)"),
        ({"name": "status", "code": 400}, "OPSWAT refused the call (HTTP 400)."),
    ],
    ids=str,
)
def test_a8_the_page_says_why_and_what_to_do(
    operator: Actor, signed_in: Any, vendor: Any, send_due: Any, fault: Any, happened: str
) -> None:
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="dhcprenew")
    name = fault.pop("name")
    vendor.fault(name, **fault)
    send_due()
    html = signed_in.get(f"/requests/{action_request.uuid}/").content.decode()
    cell = html.partition('data-label="Details">')[2].partition("</td>")[0]
    assert happened in cell
    assert 'class="cell-sub"' in cell
    assert "/o/api" not in cell


@pytest.mark.parametrize("status", S.values)
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("kind", ["exempt", "dhcprenew"])
def test_a2_a_request_is_final_when_nothing_changes_by_itself(
    operator: Actor, signed_in: Any, status: str, checked: bool, kind: str
) -> None:
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk", kind=kind)
    at = now() if checked else None
    command_of(action_request, status=status, check_at=at, coalesced=True)
    progress = selectors.progress(action_request)
    waits = status in (S.HELD, S.QUEUED, S.SENDING)
    assert progress.final == (not waits and not (checked and kind == "exempt"))
    html = signed_in.get(f"/requests/{action_request.uuid}/").content.decode()
    assert ("data-final" in html) == progress.final
    assert ("sse-connect" in html) != progress.final


def test_a2_a_page_learns_that_the_last_read_back_told_nothing(
    operator: Actor, vendor: Any, send_due: Any, settings: Any
) -> None:
    """A read-back that changes no status ends too; open pages compare the version."""
    settings.ENGINE_VERIFY_AFTER = 60
    enrol(vendor, "kiosk")
    action_request = submit_action(make_submission("kiosk", kind="exempt"), operator)
    send_due()
    action_request.refresh_from_db()
    before = action_request.version
    DeviceCommand.objects.update(check_at=now(), checks=readback.MAX_CHECKS - 1)
    read = readback.due(S.ACCEPTED, now())
    assert read
    readback.reconcile(read, DevicePage(()))
    action_request.refresh_from_db()
    assert action_request.version > before
    assert selectors.progress(action_request).final
