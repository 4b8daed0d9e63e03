"""A list of devices that ends too early takes no devices away (F7)."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from actions.dispatch import dispatcher
from actions.inventory.missing import tolerance
from actions.inventory.models import Device, InventorySync
from actions.inventory.sync import start_due, start_sync
from actions.simulator import Simulator
from tests.conftest import point_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(settings):
    """A simulated vendor with 600 devices, and no reads but those of everything."""
    settings.INVENTORY_CHANGES_MINUTES = settings.INVENTORY_NEW_MINUTES = 0
    with Simulator(devices=600, limit=None) as simulator:
        point_at(simulator, settings)
        settings.OPSWAT_RATE_LIMIT = (10_000, 60.0)
        yield simulator


def listed():
    return set(Device.objects.filter(gone_at=None).values_list("vendor_id", flat=True))


def send():
    dispatcher.dispatch(30.0, alone=True)


def read(operator):
    sync, _ = start_sync(operator)
    send()
    sync.refresh_from_db()
    return sync


def read_again():
    """Let the ticker start what is due, and read it; return the reads."""
    started = start_due()
    send()
    for sync in started:
        sync.refresh_from_db()
    return started


def end_after(vendor, pages):
    vendor.fault("early_end", api="devices", skip=pages - 1)


def test_f7_shortlist_a_list_that_ends_early_once_takes_nothing_away(operator, fleet, signed_in):
    assert len(read(operator).notice) == 0
    end_after(fleet, 8)

    short = read(operator)

    assert (short.stage, short.devices_read, short.expected, short.short) == (
        "done",
        400,
        600,
        True,
    )
    assert len(listed()) == 600
    assert "ended after 400 devices, the groups have 600" in short.notice
    assert "read again" in signed_in.get(reverse("devices")).content.decode()
    (again,) = read_again()
    assert (again.stage, again.devices_read, again.short) == ("done", 600, False)
    assert len(listed()) == 600
    assert read_again() == []


def test_f7_two_reads_that_agree_take_away_what_both_did_not_find(operator, fleet):
    read(operator)
    for _ in range(2):
        end_after(fleet, 8)
        last = read(operator)

    assert last.short
    assert len(listed()) == 400
    assert "as in the read before" in last.notice
    assert read_again() == []


def test_f7_two_early_ends_at_different_places_take_nothing_away(operator, fleet):
    read(operator)
    for pages in (8, 5, 7):
        end_after(fleet, pages)
        assert read(operator).short

    assert len(listed()) == 600


def test_f7_an_early_end_is_no_second_witness(operator, fleet):
    """A device beyond the early end is missing once in a whole read: that is not twice."""
    read(operator)
    end_after(fleet, 8)
    read(operator)
    beyond = sorted(fleet.devices.values(), key=lambda device: device.enrolled_at)[-1]
    fleet.remove_device(beyond.device_id)

    read(operator)
    assert beyond.device_id in listed()

    read(operator)
    assert listed() == set(fleet.devices)


def test_f7_devices_that_go_during_the_read_are_no_early_end(operator, fleet):
    read(operator)
    start_sync(operator)
    dispatcher.step()  # The groups.
    for name in list(fleet.devices)[: tolerance(600)]:
        fleet.remove_device(name)
    send()

    assert not InventorySync.objects.latest("id").short


def test_f7_groups_without_numbers_are_not_compared(operator, fleet):
    fleet.fault("status", None, "groups", code=400)
    read(operator)
    end_after(fleet, 8)

    assert not read(operator).short
    assert len(listed()) == 600


def test_f7_a_read_that_fails_after_a_short_one_is_not_repeated_for_ever(operator, fleet):
    read(operator)
    end_after(fleet, 8)
    read(operator)
    fleet.fault("status", None, "devices", code=400)

    (again,) = read_again()
    assert again.stage == "failed"
    assert read_again() == []
    InventorySync.objects.update(started_at=now() - timedelta(days=2))
    assert [sync.kind for sync in read_again()] == ["background"]


@given(st.integers(0, 10_000_000))
def test_f7_the_tolerance_is_small(expected):
    assert 2 <= tolerance(expected) <= max(2, expected / 100)
