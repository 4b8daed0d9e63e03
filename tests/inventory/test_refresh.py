"""Refreshes of single devices."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape
from django.utils.timezone import now

from actions.dispatch import dispatcher
from actions.inventory import refresh
from actions.inventory.models import Device, DeviceRefresh, DeviceSnapshot
from actions.inventory.sync import start_sync
from actions.ratelimit.states import Lane
from actions.trail.models import AuditEvent
from tests.factories import enrol, know_devices, make_request, statuses
from tests.inventory.test_keep_fresh import apis
from tests.scripted import rows, say

pytestmark = pytest.mark.django_db


def test_a_requested_refresh_goes_before_other_work(operator, vendor, send_due):
    (device,) = enrol(vendor, "kiosk")
    vendor.change_device("kiosk", status="quarantined")
    start_sync(operator)

    assert refresh.refresh(device, operator)
    assert not refresh.refresh(device, operator)
    send_due()

    assert apis(vendor)[:2] == ["token", "detail"]
    device.refresh_from_db()
    assert (device.status, device.agent_type) == ("quarantined", "persistent")
    assert '"agent_type": "persistent"' in DeviceSnapshot.objects.get().record
    assert not DeviceRefresh.objects.exists()
    assert AuditEvent.objects.get(verb="device.refresh_asked").subject == "kiosk"


def test_a_device_that_the_vendor_lost_is_gone_until_it_returns(operator, vendor, send_due):
    (device,) = enrol(vendor, "kiosk")
    vendor.remove_device("kiosk")
    refresh.refresh(device, operator)
    send_due()
    assert not Device.objects.exclude(gone_at=None).exists()

    make_due(send_due)
    assert Device.objects.exclude(gone_at=None).exists()
    assert not DeviceRefresh.objects.exists()

    vendor.add_device(device_id="kiosk")
    refresh.refresh(device, operator)
    send_due()

    device.refresh_from_db()
    assert device.gone_at is None


def make_due(send_due):
    DeviceRefresh.objects.exclude(due_at=None).update(due_at=now())
    send_due()


def test_case_33_one_answer_without_its_devices_takes_none_away(
    operator, scripted, signed_in, settings
):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    know_devices("a", "b", "c")
    asked = Device.objects.get(vendor_id="a")
    refresh.refresh(asked, operator)
    refresh.request_refresh(Device.objects.all())
    dispatcher.dispatch(20.0, alone=True)
    assert scripted.counts["detail"] == 1
    assert not Device.objects.exclude(gone_at=None).exists()
    page = signed_in.get(reverse("device", args=[asked.pk])).content.decode()
    assert escape(refresh.ABSENT) in page

    scripted.answers["detail"] = say(200, rows("a", "b"))
    DeviceRefresh.objects.update(due_at=now())
    dispatcher.dispatch(20.0, alone=True)

    assert list(Device.objects.exclude(gone_at=None).values_list("vendor_id", flat=True)) == ["c"]
    assert not DeviceRefresh.objects.exists()


@pytest.mark.parametrize("between", ["there again", "fails", "refresh now"])
def test_case_33_only_two_answers_in_a_row_take_a_device_away(
    operator, scripted, settings, between
):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    know_devices("a")
    device = Device.objects.get()
    refresh.refresh(device, operator)
    dispatcher.dispatch(20.0, alone=True)
    if between == "refresh now":
        refresh.refresh(device, operator)
    else:
        scripted.answers["detail"] = say(
            *((200, rows("a")) if between == "there again" else (400,))
        )
        DeviceRefresh.objects.update(due_at=now())
        dispatcher.dispatch(20.0, alone=True)
        scripted.answers["detail"] = say(200, [])
        DeviceSnapshot.objects.all().delete()
        refresh.refresh(device, operator)
    dispatcher.dispatch(20.0, alone=True)
    device.refresh_from_db()
    assert device.gone_at is None

    DeviceRefresh.objects.update(due_at=now())
    dispatcher.dispatch(20.0, alone=True)

    device.refresh_from_db()
    assert device.gone_at is not None


def test_fifty_refreshes_share_one_call(operator, vendor, send_due):
    devices = enrol(vendor, *(f"d{number}" for number in range(50)))
    refresh.refresh(devices[0], operator)
    refresh.request_refresh(Device.objects.all())

    send_due()

    assert apis(vendor) == ["token", "detail"]
    assert not DeviceRefresh.objects.exists()


def test_a_failed_refresh_is_retried_and_given_up_with_the_reason(
    operator, vendor, send_due, settings
):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    (device,) = enrol(vendor, "kiosk")
    vendor.fault("status", code=500, api="detail", times=None)
    refresh.refresh(device, operator)

    for _ in range(refresh.MAX_ATTEMPTS):
        DeviceRefresh.objects.exclude(due_at=None).update(due_at=now())
        send_due()

    waiting = DeviceRefresh.objects.get()
    assert waiting.due_at is None
    assert waiting.detail
    assert len([call for call in vendor.received if call.api == "detail"]) == refresh.MAX_ATTEMPTS
    vendor.clear_faults()
    assert refresh.refresh(device, operator)


def test_acting_on_old_data_refreshes_it(operator, vendor, send_due):
    enrol(vendor, "old", "fresh")
    Device.objects.filter(vendor_id="old").update(read_at=now() - timedelta(days=3))

    action_request = make_request(operator, "old", "fresh", kind="dhcprenew")

    assert list(DeviceRefresh.objects.values_list("device__vendor_id", "lane")) == [
        ("old", Lane.INVENTORY)
    ]
    send_due()
    assert apis(vendor) == ["token", "action", "detail"]
    assert set(statuses(action_request).values()) == {"accepted"}


def test_no_refresh_where_a_read_back_follows_or_the_request_is_large(operator, vendor, settings):
    settings.INVENTORY_REFRESH_CALLS, settings.OPSWAT_MAX_DEVICES = 1, 2
    enrol(vendor, "a", "b", "c")
    Device.objects.update(read_at=now() - timedelta(days=3))

    make_request(operator, "a", kind="unexempt")
    make_request(operator, "a", "b", "c", kind="dhcprenew")

    assert not DeviceRefresh.objects.exists()
