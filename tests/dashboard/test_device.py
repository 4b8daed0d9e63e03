"""The page of one device: search, data, actions, history, refresh, and the inventory page."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from actions.action_requests.models import DeviceCommand
from actions.dispatch import heartbeats
from actions.inventory.models import Device, DeviceRefresh
from actions.inventory.store import store_records
from actions.ratelimit import accounts
from actions.trail.models import AuditEvent
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import enrol, make_record, make_request

pytestmark = pytest.mark.django_db

MAC = "00:1B:21:CD:AB:44"
PART = {"HX-Request": "true", "HX-Target": "device-live"}


@pytest.fixture
def kiosk(db):
    other = make_record("beef", name="KIOSK-77", ip="10.1.2.33", macs=("00:1B:21:CD:AB:45",))
    one = make_record(
        "f00d",
        name="KIOSK-7",
        host_name="kiosk-7.shop.example",
        ip="10.1.2.3",
        user_name="maria.costa",
        macs=(MAC,),
        agent_type="persistent",
        os_family="windows",
        agent_version="7.6.711.0",
    )
    store_records([one, other])
    return Device.objects.get(vendor_id="f00d")


def card(client, device, **view):
    return client.get(f"/devices/{device.pk}/", view)


def text_of(answer):
    return Parsed(answer.content.decode()).text


def disabled(answer):
    """The disabled actions."""
    found = Parsed(answer.content.decode()).elements
    return {each["value"] for tag, each in found if tag == "button" and "disabled" in each}


# Finding.


@pytest.mark.parametrize(
    "search",
    [
        *("KIOSK-7", "f00d", "10.1.2.3", "maria", "maria kiosk", "shop.example", "  KIOSK-7 "),
        *(MAC, "00-1b-21-cd-ab-44", "001b.21cd.ab44", "001B21CDAB44"),
    ],
)
def test_a_search_with_one_match_redirects_to_the_device(page, kiosk, search):
    assert page.get("/devices/search/", {"q": search})["Location"] == f"/devices/{kiosk.pk}/"


@pytest.mark.parametrize("search", ["kiosk", "10.1.2", "nobody", "00:1B:21:CD:AB:46"])
def test_any_other_search_redirects_to_the_list(page, kiosk, search):
    where = page.get("/devices/search/", {"q": search})["Location"]
    assert where.startswith("/devices/?q=")


@pytest.mark.parametrize("search", ["", " ", "\x00", "%", "x" * 5000])
def test_an_odd_search_is_no_error(page, kiosk, search):
    assert page.get("/devices/search/", {"q": search}, follow=True).status_code == 200


def test_a_gone_device_is_found_with_its_history(page, kiosk, operator):
    make_request(operator, "f00d", kind="dhcprenew", reason="no address")
    Device.objects.filter(pk=kiosk.pk).update(gone_at=now())

    answer = page.get("/devices/search/", {"q": MAC}, follow=True)

    assert "Not found by OPSWAT" in text_of(answer)
    assert "no address" in text_of(answer)
    assert len(disabled(answer)) == 9


# What it shows.


def test_the_page_shows_the_data_and_its_age(page, kiosk):
    answer = card(page, kiosk)
    words = text_of(answer)
    for fact in ("f00d", "KIOSK-7", "kiosk-7.shop.example", MAC, "10.1.2.3", "maria.costa"):
        assert fact in words
    assert "7.6.711.0" in words
    assert f"Read {kiosk.read_at:%Y-%m-%d %H:%M:%S} UTC" in words
    copied = [each.get("data-copy") for _, each in Parsed(answer.content.decode()).elements]
    assert {"f00d", MAC, "10.1.2.3"} <= set(copied)


def test_an_impossible_action_is_disabled_with_its_reason(page, kiosk):
    answer = card(page, kiosk)
    assert disabled(answer) == {"ignore", "unignore"}
    assert "Only for status unknown." in text_of(answer)


def test_an_uncertain_action_is_enabled_with_a_warning(page, kiosk):
    Device.objects.update(agent_type="")
    answer = card(page, kiosk)
    assert disabled(answer) == {"ignore", "unignore"}
    assert "Uncertain. The vendor gave no agent type." in text_of(answer)


def test_an_action_that_the_role_forbids_is_disabled_with_its_reason(visit: Visitor, kiosk):
    assert "delete" in disabled(card(visit("helpdesk"), kiosk))


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_roles_without_kinds_see_no_actions(role, visit: Visitor, kiosk):
    answer = card(visit(role), kiosk)
    assert len(disabled(answer)) == 9
    assert "Refresh now" not in text_of(answer)


def test_an_action_selects_the_device(page, kiosk):
    html = card(page, kiosk).content.decode()
    action = re.search(
        r'<form method="post" action="([^"]+)">(?:(?!</form>).)*name="kind"', html, re.S
    )
    assert action
    answer = page.post(
        action[1], {"device": kiosk.pk, "kind": "exempt", "step": "choose"}, follow=True
    )
    assert "KIOSK-7" in text_of(answer)


# Exemptions.


def exempted(kiosk, operator, send_due, vendor, **fields):
    vendor.add_device(device_id="f00d")
    make_request(operator, "f00d", kind="exempt", **fields)
    send_due()
    Device.objects.update(status="exempted")


def test_an_exemption_of_ours_shows_its_end(page, kiosk, operator, send_due, vendor):
    exempted(kiosk, operator, send_due, vendor, hours="24")

    words = text_of(card(page, kiosk))

    (replied,) = DeviceCommand.objects.values_list("call__replied_at", flat=True)
    assert replied is not None
    assert f"Ends in {replied + timedelta(hours=24):%Y-%m-%d %H:%M} UTC" in words
    assert "by oscar" in words
    assert "data-countdown" in card(page, kiosk).content.decode()


def test_a_permanent_exemption_is_shown_as_such(page, kiosk, operator, send_due, vendor):
    exempted(kiosk, operator, send_due, vendor, hours="", forever=True)
    assert "Permanent, by oscar" in text_of(card(page, kiosk))


def test_an_exemption_by_another_client_has_an_unknown_end(page, kiosk):
    Device.objects.update(status="exempted")
    assert "End date unknown" in text_of(card(page, kiosk))


def test_a_second_exemption_may_keep_the_earlier_end(page, kiosk, operator, send_due, vendor):
    Device.objects.update(status="exempted")
    exempted(kiosk, operator, send_due, vendor, hours="24")
    assert "does not document whether the time restarts" in text_of(card(page, kiosk))


def test_after_unexempt_the_end_of_an_exemption_is_unknown(page, kiosk, operator, send_due, vendor):
    exempted(kiosk, operator, send_due, vendor, hours="24")
    make_request(operator, "f00d", kind="unexempt")
    send_due()
    assert "End date unknown" in text_of(card(page, kiosk))


# Its history.


def test_commands_are_found_by_id_and_by_mac(page, kiosk, operator):
    make_request(operator, "f00d", kind="dhcprenew", reason="by its id")
    make_request(operator, MAC, addressing="macs", kind="dhcprenew", reason="by its address")
    DeviceCommand.objects.filter(target=MAC).update(device=None, device_key=MAC)

    words = text_of(card(page, kiosk))

    assert "by its id" in words
    assert "by its address" in words
    assert "Last: Renew DHCP by oscar" in words


def test_the_audit_tab_needs_the_right_to_read_the_trail(page, visit: Visitor, kiosk, operator):
    make_request(operator, "f00d", kind="dhcprenew", reason="shown in the trail")
    make_request(operator, "beef", kind="dhcprenew", reason="another device")

    words = text_of(card(page, kiosk, tab="audit"))

    assert "Request submitted by oscar" in words
    assert "shown in the trail" in words
    assert "another device" not in words
    assert card(visit("helpdesk"), kiosk, tab="audit").status_code == 403


def test_the_raw_record_of_the_last_refresh_is_shown(page, operator, vendor, send_due):
    (device,) = enrol(vendor, "f00d")
    assert "No record yet" in text_of(card(page, device, tab="raw"))
    page.post(f"/devices/{device.pk}/refresh/")
    send_due()

    assert "&quot;oesis_version&quot;" in card(page, device, tab="raw").content.decode()


# Refreshing.


def test_refresh_now_is_urgent_and_its_result_reaches_the_page(visit: Visitor, vendor, send_due):
    (device,) = enrol(vendor, "kiosk")
    vendor.change_device("kiosk", status="quarantined")
    page = visit("helpdesk")

    asked = page.post(f"/devices/{device.pk}/refresh/", headers=PART)

    assert "Refreshing" in asked.content.decode()
    assert 'hx-trigger="every 1s"' in asked.content.decode()
    send_due()
    answer = page.get(f"/devices/{device.pk}/", headers=PART).content.decode()
    assert "Quarantined" in answer
    assert "Refreshing" not in answer
    assert "<html" not in answer
    assert AuditEvent.objects.get(verb="device.refresh_asked").actor == "helpdesk"


def test_a_failed_refresh_shows_its_error(page, vendor, send_due, settings):
    (device,) = enrol(vendor, "kiosk")
    vendor.fault("status", code=404, api="detail")
    page.post(f"/devices/{device.pk}/refresh/")
    send_due()

    assert DeviceRefresh.objects.get().due_at is None
    assert "The last refresh failed" in text_of(card(page, device))


def test_a_second_refresh_while_one_is_queued_adds_none(page, vendor):
    (device,) = enrol(vendor, "kiosk")
    for _ in range(2):
        assert page.post(f"/devices/{device.pk}/refresh/").status_code == 302
    assert AuditEvent.objects.filter(verb="device.refresh_asked").count() == 1


def test_a_refresh_right_after_another_makes_no_call(page, vendor, send_due):
    (device,) = enrol(vendor, "kiosk")
    for _ in range(2):
        page.post(f"/devices/{device.pk}/refresh/")
        send_due()
    assert [call.api for call in vendor.received] == ["token", "detail"]


def test_an_unknown_device_is_not_found(page):
    assert page.get("/devices/999/").status_code == 404
    assert page.post("/devices/999/refresh/").status_code == 404


@pytest.mark.parametrize("tab", ["commands", "audit", "raw", "nonsense"])
def test_the_page_makes_few_queries_whatever_the_history(page, kiosk, operator, tab):
    def queries():
        with CaptureQueriesContext(connection) as found:
            assert page.get(f"/devices/{kiosk.pk}/", {"tab": tab}, headers=PART).status_code == 200
        return len(found)

    accounts.lock()
    heartbeats.beat()
    heartbeats.beat_of_ticker("")
    page.get("/devices/")
    make_request(operator, "f00d", kind="dhcprenew")
    few = queries()
    for _ in range(8):
        make_request(operator, "f00d", kind="dhcprenew")
    assert queries() == few <= (7 if tab == "audit" else 6)
    with CaptureQueriesContext(connection) as found:
        card(page, kiosk, tab=tab)
    assert len(found) <= (11 if tab == "audit" else 10)


# The inventory.
