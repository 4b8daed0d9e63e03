"""Reading the vendor's groups and devices."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils.timezone import now

from actions.devices import filters
from actions.errors import NotAllowed
from actions.inventory.models import Device, DeviceGroup, DeviceMac, InventorySync
from actions.inventory.store import store_records
from actions.inventory.sync import start_sync
from actions.ratelimit.states import Lane
from actions.trail.models import AuditEvent
from tests.factories import know_devices, make_record, make_request

pytestmark = pytest.mark.django_db


def test_a_full_read_stores_every_group_and_device(operator, vendor, send_due):
    sync, started = start_sync(operator)

    send_due()

    sync.refresh_from_db()
    assert started
    assert (sync.stage, sync.running) == ("done", False)
    assert set(Device.objects.values_list("vendor_id", flat=True)) == set(vendor.devices)
    assert set(DeviceGroup.objects.values_list("vendor_id", flat=True)) == set(vendor.groups)
    # A token, one page of groups, two of devices: 60 at 50 a page.
    assert [call.api for call in vendor.received] == ["token", "groups", "devices", "devices"]


def test_the_groups_are_kept_if_the_clock_was_set_back_during_the_read(operator, vendor, send_due):
    sync, _ = start_sync(operator)
    InventorySync.objects.update(started_at=now() + timedelta(minutes=5))

    send_due()

    sync.refresh_from_db()
    assert sync.stage == "done"
    assert set(DeviceGroup.objects.values_list("vendor_id", flat=True)) == set(vendor.groups)


def test_each_kind_of_last_page_ends_the_read(operator, settings, request):
    from actions.dispatch import dispatcher
    from actions.simulator import Simulator
    from tests.conftest import point_at

    settings.OPSWAT_RATE_LIMIT = (1000, 60.0)
    for mark in ("empty", "missing", "null", "repeated", "empty_page"):
        with Simulator(devices=50, limit=None, end_mark=mark) as vendor:
            point_at(vendor, settings)
            from actions.ratelimit.models import VendorAccount

            VendorAccount.objects.update(token_encrypted="", token_expires_at=None)
            sync, _ = start_sync(operator)
            dispatcher.dispatch(20, alone=True)
            sync.refresh_from_db()
            assert (sync.stage, sync.devices_read) == ("done", 50), mark


def test_a_second_user_joins_the_running_read(operator):
    first, _ = start_sync(operator)

    second, started = start_sync(replace(operator, name="olga"))

    assert (second, started) == (first, False)


def test_a_role_that_does_not_control_the_engine_cannot_start_a_full_read(helpdesk):
    with pytest.raises(NotAllowed):
        start_sync(helpdesk)

    assert not InventorySync.objects.exists()


def test_a_device_that_the_vendor_no_longer_lists_is_kept_as_gone(operator, vendor, send_due):
    know_devices("left")
    first, _ = start_sync(operator)
    send_due()
    first.refresh_from_db()
    assert Device.objects.get(vendor_id="left").gone_at is None
    assert "1 known device was not found" in first.detail

    start_sync(operator)
    send_due()

    left = Device.objects.get(vendor_id="left")
    assert left.gone_at is not None
    assert left not in filters.matching("")


def test_a_device_that_comes_back_is_listed_again():
    know_devices("back")
    Device.objects.update(gone_at="2026-01-01T00:00:00Z")

    store_records([make_record("back")])

    assert Device.objects.get().gone_at is None


def test_a_read_resumes_after_errors(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    vendor.fault("status", code=500, api="devices", skip=1)
    sync, _ = start_sync(operator)

    send_due()
    InventorySync.objects.update(due_at=sync.started_at)
    send_due()

    sync.refresh_from_db()
    assert sync.stage == "done"
    assert Device.objects.filter(gone_at=None).count() == 60


def test_a_read_that_the_vendor_refuses_ends_with_the_reason(operator, vendor, send_due):
    vendor.fault("status", code=400, api="devices", times=None)
    sync, _ = start_sync(operator)

    send_due()

    sync.refresh_from_db()
    assert (sync.stage, sync.running) == ("failed", False)
    assert sync.detail
    assert AuditEvent.objects.filter(verb="inventory.sync_failed").exists()


def test_commands_are_sent_before_the_inventory_is_read(operator, vendor, send_due):
    know_devices(*list(vendor.devices)[:3])
    start_sync(operator)
    make_request(operator, *list(vendor.devices)[:3])

    send_due()

    assert [call.api for call in vendor.received][:2] == ["token", "action"]


def test_the_inventory_leaves_slots_for_urgent_calls(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (7, 60.0)
    settings.ENGINE_URGENT_WAIT = 10.0
    settings.ENGINE_MAX_IDLE_SECONDS = 1.0
    start_sync(operator)

    send_due()

    assert len(vendor.received) == 4
    know_devices("kiosk")
    vendor.add_device(device_id="kiosk")
    action_request = make_request(operator, "kiosk")
    assert action_request.lane == Lane.URGENT
    send_due()
    assert vendor.received[-1].api == "action"


def test_the_same_device_read_twice_keeps_one_row_and_its_macs():
    macs = ("AA:BB:CC:DD:EE:01", "AA:BB:CC:DD:EE:02")
    store_records([make_record("a", macs=macs), make_record("a", name="new", macs=macs[1:])])

    assert Device.objects.get().name == "new"
    assert list(DeviceMac.objects.values_list("mac", flat=True)) == ["AA:BB:CC:DD:EE:02"]


@pytest.mark.parametrize(
    "search",
    ["KIOSK", "kio", "10.1.2.3", "aa:bb:cc:dd:ee:01", "AABB.CCDD.EE01", "jane", "finance jane"],
)
def test_a_device_is_found_by_any_of_its_names_and_addresses(search):
    know_devices(
        "kiosk",
        ip="10.1.2.3",
        macs=("AA:BB:CC:DD:EE:01",),
        user_name="jane",
        group_name="Finance",
    )
    know_devices("other", macs=("AA:BB:CC:DD:EE:99",))

    assert [device.vendor_id for device in filters.matching(urlencode({"q": search}))] == ["kiosk"]
