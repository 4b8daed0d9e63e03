"""Every attempt is told, also the refused ones, with who, from where and by which rule."""

import json
import logging
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.action_requests import controls
from actions.action_requests.states import CommandStatus
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


def told(**wanted: Any) -> AuditEvent:
    return AuditEvent.objects.get(**wanted)


def sign_in(client: Client, name: str, password: str) -> Any:
    form = {"login": name, "password": password}
    return client.post(reverse("account_login"), form, REMOTE_ADDR="10.1.2.3")


def test_sign_ins_their_failures_and_sign_outs_are_told(client):
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
    came = told(verb="person.signed_in")
    assert (came.actor, came.role, came.address) == ("oscar", "operator", "10.1.2.3")
    assert came.request_id == answer["X-Request-ID"]
    assert PASSWORD not in json.dumps(list(AuditEvent.objects.values_list("data", flat=True)))


@pytest.mark.parametrize("deed", ["cancel", "pause", "resume"])
def test_a_control_that_is_refused_is_told_with_its_rule(operator, helpdesk, deed):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    with pytest.raises(NotAllowed):
        getattr(controls, deed)(action_request, helpdesk)
    line = told(verb=f"request.{deed}_refused")
    assert (line.actor, line.subject) == ("hanna", str(action_request.uuid))
    assert "Only its submitter" in line.data["problems"][""][0]


def test_a_retry_that_is_refused_is_told_once(operator, viewer):
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")
    with pytest.raises(Refused):
        controls.retry(action_request, viewer)
    controls.cancel(action_request, operator)
    with pytest.raises(Refused):
        controls.retry(action_request, viewer, statuses=[CommandStatus.CANCELLED])
    verbs = AuditEvent.objects.filter(actor="vera").values_list("verb", flat=True)
    assert sorted(verbs) == ["request.refused", "request.retry_refused"]


def test_the_freeze_switch_tells_before_and_after_and_who_was_refused(operator, helpdesk):
    with pytest.raises(NotAllowed):
        controls.freeze(helpdesk, frozen=True, reason="panic")
    controls.freeze(operator, frozen=True, reason="Vendor incident")
    assert told(verb="sending.freeze_refused").actor == "hanna"
    line = told(verb="sending.frozen")
    assert line.data == {"before": {"frozen": False}, "after": {"frozen": True}}


def test_a_form_that_a_role_may_not_send_is_told(client):
    client.force_login(make_person("vera", "viewer"))
    assert client.post("/requests/new/").status_code == 403
    line = told(verb="page.refused")
    assert (line.actor, line.subject) == ("vera", "/requests/new/")
    assert client.get("/audit/").status_code == 403
    assert AuditEvent.objects.filter(verb="page.refused").count() == 1


def test_every_call_to_the_vendor_is_told(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk")
    start_sync(operator)
    send_due()
    calls = set(AuditEvent.objects.filter(call__gt=0).values_list("call", flat=True))
    assert calls == set(VendorCall.objects.values_list("pk", flat=True))
    kinds = {event.data.get("api") for event in AuditEvent.objects.filter(call__gt=0)}
    assert kinds >= {"token", "groups", "devices"}


def test_a_device_is_found_by_every_name_it_ever_had_also_when_it_is_gone(
    operator, vendor, send_due
):
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


def test_only_lines_that_name_a_device_stand_in_its_timeline(operator, vendor, send_due, settings):
    settings.OPSWAT_MAX_DEVICES = 1
    enrol(vendor, "a", "b", "c")
    make_request(operator, "a", "b", "c")
    send_due()
    found = audit.listed(AuditQuery(device="b"))
    assert [event.verb for event in found] == ["call.answered", "request.submitted"]


def test_a_changed_setting_is_told_once_with_before_and_after_and_no_secret(db, settings):
    assert settings_changes.record_changes()
    assert not settings_changes.record_changes()
    settings.ENGINE_RESERVE, settings.OPSWAT_CLIENT_SECRET = 3, "hunter2-hunter2"
    assert settings_changes.record_changes()
    line = AuditEvent.objects.latest("pk")
    assert line.data["before"]["ENGINE_RESERVE"] == 0
    assert line.data["after"]["ENGINE_RESERVE"] == 3
    assert set(line.data["after"]) == {"ENGINE_RESERVE", "OPSWAT_CLIENT_SECRET"}
    assert "hunter2" not in json.dumps(line.data)


def test_a_log_line_stays_one_line_whatever_stands_in_it():
    record = logging.LogRecord("x", 20, "f", 1, 'a\n{"level": "forged"}\u2028', None, None)
    assert len(OneLine().format(record).splitlines()) == 1


def test_pages_of_an_answer_join_without_gap_or_repeat(operator):
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
def test_an_answer_is_the_same_however_far_the_trail_is_walked_for_it(operator, recent):
    for number in range(30):
        status = "failed" if number % 5 else "accepted"
        trail.record(
            operator,
            Verb.LOG_OPENED if number % 2 else Verb.LOG_SEARCHED,
            subject_kind="test",
            subject=str(number),
            reason="malware" if number % 3 else "travel",
            kind="exempt",
            about=[("a", status), ("b", "accepted")],
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


def test_an_explanation_by_the_engine_is_no_reason_of_a_person(operator, vendor, send_due):
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
