"""The inventory stays fresh with few calls: changes, new devices, a background read, refreshes."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.dispatch import dispatcher
from actions.inventory.models import Device, DeviceMac, DeviceRefresh, InventorySync
from actions.inventory.store import store_records
from actions.inventory.sync import start_due, start_sync
from actions.simulator import Simulator
from actions.trail.models import AuditEvent
from tests.conftest import point_at
from tests.factories import enrol, know_devices, make_record

pytestmark = pytest.mark.django_db

Kind = InventorySync.Kind


@pytest.fixture
def read(operator, vendor, send_due):
    """A full read that is done; everything that the vendor has is known."""
    sync, _ = start_sync(operator)
    send_due()
    vendor.received.clear()
    sync.refresh_from_db()
    return sync


@pytest.fixture
def later(send_due):
    """Let the time of the next reads come, start them and send what they ask."""

    def go_on(**passed) -> list[str]:
        gone_by = timedelta(**(passed or {"minutes": 30}))
        for sync in InventorySync.objects.all():
            sync.started_at -= gone_by
            sync.finished_at = sync.finished_at and sync.finished_at - gone_by
            sync.since = sync.since and sync.since - gone_by
            sync.save()
        started = start_due()
        send_due()
        return [sync.kind for sync in started]

    return go_on


def apis(vendor):
    return [call.api for call in vendor.received]


def listed():
    return set(Device.objects.filter(gone_at=None).values_list("vendor_id", flat=True))


# What changed, what is new.


def test_a_change_a_deletion_and_a_new_device_cost_three_calls(vendor, read, later):
    changed, deleted = list(vendor.devices)[3], list(vendor.devices)[5]
    vendor.change_device(changed, status="quarantined")
    vendor.remove_device(deleted)
    new = vendor.add_device(device_name="newest").device_id
    Device.objects.update(read_at=read.started_at - timedelta(hours=1))

    assert later() == [Kind.CHANGES, Kind.NEW]

    assert apis(vendor) == ["changes", "devices"]
    assert Device.objects.get(vendor_id=changed).status == "quarantined"
    assert Device.objects.get(vendor_id=deleted).gone_at is not None
    assert listed() == set(vendor.devices)
    assert new in listed()


def test_a_value_that_the_list_omits_is_kept(vendor, read, later):
    one = next(iter(vendor.devices))
    before = Device.objects.get(vendor_id=one)
    macs = list(DeviceMac.objects.filter(device=before).values_list("mac", flat=True))
    assert before.os_name
    assert macs
    vendor.change_device(one, status="quarantined")

    later()

    after = Device.objects.get(vendor_id=one)
    assert (after.status, after.os_name) == ("quarantined", before.os_name)
    assert (after.agent_version, after.mac) == (before.agent_version, before.mac)
    assert after.search_text == before.search_text
    assert list(DeviceMac.objects.filter(device=before).values_list("mac", flat=True)) == macs


def test_the_agent_type_from_the_details_survives_a_full_read(operator, send_due, vendor):
    enrol(vendor, "a")
    store_records([make_record("a", agent_type="persistent")])
    start_sync(operator)

    send_due()

    assert Device.objects.get(vendor_id="a").agent_type == "persistent"


def test_a_device_that_was_read_after_its_reported_deletion_is_refreshed(
    vendor, read, later, send_due
):
    back, deleted = list(vendor.devices)[:2]
    vendor.remove_device(deleted)
    device = vendor.devices[back]
    vendor.remove_device(back)
    vendor.add_device(device_id=back, device_name="back again", changed_at=0.0)
    Device.objects.update(read_at=now())

    later()
    DeviceRefresh.objects.update(due_at=now())
    send_due()

    assert apis(vendor).count("detail") == 2
    assert listed() == set(vendor.devices)
    assert device.device_id in listed()


@pytest.mark.parametrize("paging", ["each", "together"])
@pytest.mark.parametrize("entry", ["object", "text"])
def test_more_changes_than_a_page_holds_are_all_read(operator, settings, later, paging, entry):
    settings.OPSWAT_RATE_LIMIT = (1000, 60.0)
    assume = {"changes_paging": paging, "deleted_entry": entry}
    with Simulator(devices=150, limit=None, hostile_names=False, **assume) as vendor:
        point_at(vendor, settings)
        start_sync(operator)
        dispatcher.dispatch(20, alone=True)
        Device.objects.update(read_at=now() - timedelta(days=1))
        names = list(vendor.devices)
        for name in names[:70]:
            vendor.change_device(name, status="pending")
        for name in names[70:130]:
            vendor.remove_device(name)

        later()

        assert set(Device.objects.filter(status="pending").values_list("vendor_id", flat=True)) >= (
            set(names[:70])
        )
        assert listed() == set(vendor.devices)


def test_a_page_of_changes_that_is_just_full_ends_with_the_vendors_413(vendor, read, later):
    for name in list(vendor.devices)[:50]:
        vendor.change_device(name, status="pending")

    later()

    assert [call.status for call in vendor.received if call.api == "changes"] == [200, 413]
    assert InventorySync.objects.get(kind=Kind.CHANGES).stage == "done"


def test_two_reads_of_changes_overlap(vendor, read, later, settings):
    settings.INVENTORY_NEW_MINUTES = 0
    later()
    later()

    first, second = InventorySync.objects.filter(kind=Kind.CHANGES).order_by("id")
    assert first.since is not None
    assert first.since < read.started_at
    assert second.since is not None
    assert second.since < first.started_at
    ages = [call.body["age"] for call in vendor.received]
    assert all(30 * 60 < age < 33 * 60 for age in ages)


def test_a_cursor_that_the_vendor_refused_is_not_used_again(vendor, read, later):
    vendor.fault("status", code=400, api="devices", times=None)
    assert Kind.NEW in later()

    assert Kind.NEW not in later()
    assert AuditEvent.objects.filter(verb="inventory.sync_failed").count() == 1


@pytest.mark.parametrize("mark", ["empty", "missing", "null", "repeated", "empty_page"])
def test_new_devices_are_found_behind_each_kind_of_last_page(operator, settings, later, mark):
    settings.OPSWAT_RATE_LIMIT = (1000, 60.0)
    settings.INVENTORY_CHANGES_MINUTES = 0
    with Simulator(devices=100, limit=None, end_mark=mark, hostile_names=False) as vendor:
        point_at(vendor, settings)
        start_sync(operator)
        dispatcher.dispatch(20, alone=True)
        vendor.received.clear()
        for number in range(60):
            vendor.add_device(device_id=f"new-{number:02}")

        assert later() == [Kind.NEW]

        assert listed() == set(vendor.devices)
        assert len(vendor.received) <= 4


# When.


def test_before_the_first_full_read_nothing_is_read_automatically(db):
    assert start_due() == []


def test_nothing_is_due_shortly_after_a_full_read(read):
    assert start_due() == []


def test_each_kind_is_turned_off_by_zero(read, later, settings):
    settings.INVENTORY_CHANGES_MINUTES = settings.INVENTORY_NEW_MINUTES = 0
    settings.INVENTORY_FULL_READ_HOURS = 0

    assert later(days=9) == []


def test_a_day_without_changes_read_starts_a_background_read(vendor, read, later, settings):
    settings.INVENTORY_FULL_READ_HOURS = 24 * 7

    assert Kind.BACKGROUND in later(hours=30)


def test_a_background_read_is_slow_and_yields_to_requests(operator, vendor, read, later, settings):
    settings.INVENTORY_CHANGES_MINUTES = settings.INVENTORY_NEW_MINUTES = 0
    assert later(hours=25) == [Kind.BACKGROUND]

    sweep = InventorySync.objects.get(kind=Kind.BACKGROUND)
    assert apis(vendor) == ["groups"]
    assert sweep.running
    assert sweep.expected == 60
    assert sweep.due_at > now() + timedelta(hours=7)  # Two pages in four fifths of a day.


def test_a_full_read_replaces_a_background_read(operator, vendor, read, later, send_due):
    later(hours=25)
    start_sync(operator)
    send_due()

    assert InventorySync.objects.get(kind=Kind.BACKGROUND).stage == "replaced"
    assert InventorySync.objects.get(kind=Kind.FULL, running=False, removed_count=0, pk__gt=read.pk)


def test_a_clock_set_back_does_not_mark_devices_as_gone(operator, vendor, send_due):
    start_sync(operator)
    InventorySync.objects.update(started_at=now() + timedelta(hours=1))

    send_due()

    assert listed() == set(vendor.devices)


def test_a_truncated_list_does_not_mark_devices_as_gone_at_once(operator, vendor, send_due):
    know_devices(*(f"other-{number:03}" for number in range(200)))
    first, _ = start_sync(operator)
    send_due()
    assert len(listed()) == 260
    first.refresh_from_db()
    assert "200 known devices were not found" in first.detail

    start_sync(operator)
    send_due()

    assert listed() == set(vendor.devices)


def test_a_read_continues_after_a_lost_page(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    sync, _ = start_sync(operator)
    vendor.fault("cut_after", api="devices")
    send_due()

    InventorySync.objects.update(due_at=now() - timedelta(seconds=1))
    send_due()

    sync.refresh_from_db()
    assert (sync.stage, sync.devices_read) == ("done", 60)


# Refreshes of single devices.
