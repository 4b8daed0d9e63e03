"""Every action and refusal is recorded, and its line is found by query."""

import json
import logging
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.action_requests import controls
from actions.audit import selectors as audit
from actions.audit import settings_changes
from actions.audit.query import AuditQuery
from actions.errors import NotAllowed, Refused
from actions.inventory.models import DeviceAlias
from actions.inventory.sync import start_sync
from actions.ratelimit.models import VendorCall
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from dashboard.log_formatter import OneLine
from tests.factories import PASSWORD, enrol, know_devices, make_person, make_request

pytestmark = pytest.mark.django_db


def line_with(**values: Any) -> AuditEvent:
    return AuditEvent.objects.get(**values)


def sign_in(client: Client, name: str, password: str) -> Any:
    form = {"login": name, "password": password}
    return client.post(reverse("account_login"), form, REMOTE_ADDR="10.1.2.3")


def test_sign_ins_failed_sign_ins_and_sign_outs_are_recorded(client):
    make_person("oscar", "operator")
    sign_in(client, "oscar", "wrong")
    sign_in(client, "nobody", "wrong")
    answer = sign_in(client, "oscar", PASSWORD)
    client.post(reverse("account_logout"))
    verbs = [event.verb for event in AuditEvent.objects.order_by("pk")]
    assert verbs == [
        "person.sign_in_failed",
        "person.sign_in_failed",
        "person.signed_in",
        "person.signed_out",
    ]
    line = line_with(verb="person.signed_in")
    assert (line.actor, line.role, line.address) == ("oscar", "operator", "10.1.2.3")
    assert line.request_id == answer["X-Request-ID"]
    assert PASSWORD not in json.dumps(list(AuditEvent.objects.values_list("data", flat=True)))


@pytest.mark.parametrize("control", ["cancel", "pause", "resume"])
def test_a_refused_control_is_recorded_with_its_rule(operator, helpdesk, control):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    with pytest.raises(NotAllowed):
        getattr(controls, control)(action_request, helpdesk)
    line = line_with(verb=f"request.{control}_refused")
    assert (line.actor, line.subject) == ("hanna", str(action_request.uuid))
    assert "Only its submitter" in line.data["problems"][""][0]


def test_a_refused_retry_is_recorded_once(operator, viewer):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    with pytest.raises(NotAllowed):
        controls.retry(action_request, viewer, reason="again")
    controls.cancel(action_request, operator)
    with pytest.raises(Refused):
        controls.retry(action_request, operator, reason="again")
    verbs = AuditEvent.objects.filter(verb__endswith="refused").values_list("actor", "verb")
    assert list(verbs.order_by("id")) == [
        ("vera", "request.retry_refused"),
        ("oscar", "request.retry_refused"),
    ]


def test_a_freeze_records_the_state_before_and_after_and_a_refused_freeze_its_actor(
    operator, helpdesk
):
    with pytest.raises(NotAllowed):
        controls.freeze(helpdesk, frozen=True, reason="panic")
    controls.freeze(operator, frozen=True, reason="Vendor incident")
    assert line_with(verb="sending.freeze_refused").actor == "hanna"
    line = line_with(verb="sending.frozen")
    assert line.data == {"before": {"frozen": False}, "after": {"frozen": True}}


def test_a_form_that_a_role_cannot_submit_is_recorded(client):
    client.force_login(make_person("vera", "viewer"))
    assert client.post("/requests/new/").status_code == 403
    line = line_with(verb="page.refused")
    assert (line.actor, line.subject) == ("vera", "/requests/new/")
    assert client.get("/audit/").status_code == 403
    assert line_with(verb="page.refused", subject="/audit/").data["method"] == "GET"


def test_every_vendor_call_is_recorded(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk")
    start_sync(operator)
    send_due()
    calls = set(AuditEvent.objects.filter(call__gt=0).values_list("call", flat=True))
    assert calls == set(VendorCall.objects.values_list("pk", flat=True))
    kinds = {event.data.get("api") for event in AuditEvent.objects.filter(call__gt=0)}
    assert kinds >= {"token", "groups", "devices"}


def test_a_deleted_device_is_found_by_every_name_it_had(operator, vendor, send_due):
    enrol(vendor, "7f3a", "other")
    know_devices("7f3a", name="KIOSK-1", macs=("AA:BB:CC:00:11:22",))
    make_request(operator, "7f3a", "other")
    send_due()
    know_devices("7f3a", name="Kiosk-New", macs=())
    for device in know_devices("7f3a"):
        device.delete()
    for name in ("7F3A", "kiosk-1", "aa-bb-cc-00-11-22", "Kiosk-New", "osk-n"):
        found = audit.listed(AuditQuery(device=name))
        assert [event.verb for event in found] == ["call.answered", "request.submitted"], name
        assert found[0].device_status == "accepted"  # type: ignore[attr-defined]
    assert audit.listed(AuditQuery(device="nobody")) == []
    assert DeviceAlias.objects.filter(text="kiosk-1").exists()


def test_the_lines_of_a_device_are_only_those_that_name_it(operator, vendor, send_due, settings):
    settings.OPSWAT_MAX_DEVICES = 1
    enrol(vendor, "a", "b", "c")
    make_request(operator, "a", "b", "c")
    send_due()
    found = audit.listed(AuditQuery(device="b"))
    assert [event.verb for event in found] == ["call.answered", "request.submitted"]


def test_a_changed_setting_is_recorded_once_with_before_and_after_and_no_secret(db, settings):
    assert settings_changes.record_changes()
    assert not settings_changes.record_changes()
    settings.ENGINE_RESERVE, settings.OPSWAT_CLIENT_SECRET = 3, "hunter2-hunter2"
    assert settings_changes.record_changes()
    line = AuditEvent.objects.latest("pk")
    assert line.data["before"]["ENGINE_RESERVE"] == 0
    assert line.data["after"]["ENGINE_RESERVE"] == 3
    assert set(line.data["after"]) == {"ENGINE_RESERVE", "OPSWAT_CLIENT_SECRET"}
    assert "hunter2" not in json.dumps(line.data)


def test_a_log_message_with_line_breaks_stays_one_line():
    record = logging.LogRecord("x", 20, "f", 1, 'a\n{"level": "forged"}\u2028', None, None)
    assert len(OneLine().format(record).splitlines()) == 1


def test_pages_of_a_result_join_without_gap_or_repeat(operator):
    know_devices("kiosk")
    for _ in range(7):
        controls.cancel(make_request(operator, "kiosk"), operator)
    query = AuditQuery(device="kiosk")
    whole = [event.pk for event in audit.listed(query, size=100)]
    paged: list[int] = []
    while page := audit.listed(query, before=paged[-1] if paged else None, size=3):
        paged += [event.pk for event in page]
    assert paged == whole
    assert len(whole) == 14
    assert [event.pk for event in audit.oldest_first(query, 10**9)] == whole[::-1]


@pytest.mark.parametrize("recent", [0, 1, 7, 1000])
def test_a_result_is_the_same_for_any_number_of_lines_walked(operator, recent):
    for number in range(30):
        status = "failed" if number % 5 else "accepted"
        trail.record(
            operator,
            Verb.LOG_OPENED if number % 2 else Verb.LOG_SEARCHED,
            subject_kind="test",
            subject=str(number),
            reason="malware" if number % 3 else "travel",
            kind="exempt",
            device_statuses=[("a", status), ("b", "accepted")],
            devices=[{"target": name, "status": status} for name in "ab"],
        )
    for query, belongs in (
        (AuditQuery(q="malware", verb=Verb.LOG_OPENED), lambda n: n % 3 and n % 2),
        (AuditQuery(outcome="failed"), lambda n: n % 5),
        (AuditQuery(outcome="failed", kind="exempt", q="travel"), lambda n: n % 5 and not n % 3),
        (AuditQuery(outcome="expired", person=operator.name), lambda n: False),
    ):
        wanted = [str(number) for number in range(29, -1, -1) if belongs(number)]
        found: list[AuditEvent] = []
        while page := audit.listed(
            query, before=found[-1].pk if found else None, size=4, recent=recent
        ):
            found += page
        assert [event.subject for event in found] == wanted


def test_the_engine_explains_in_detail_and_leaves_reason_empty(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    vendor.fault("cut_after")
    make_request(operator, "kiosk", reason="Maintenance")
    send_due()
    by_engine = AuditEvent.objects.filter(actor="engine")
    assert set(by_engine.values_list("reason", flat=True)) == {""}
    explained = by_engine.exclude(detail="").latest("pk")
    assert audit.listed(AuditQuery(q=explained.detail))[0].pk == explained.pk
    submitted = AuditEvent.objects.get(verb=Verb.REQUEST_SUBMITTED)
    assert (submitted.reason, submitted.detail) == ("Maintenance", "")
