"""The inventory line and page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.inventory.models import Device
from actions.inventory.sync import start_sync
from tests.dashboard.test_device import text_of
from tests.factories import know_devices

pytestmark = pytest.mark.django_db


def test_the_inventory_line_shows_progress_and_estimated_end(page, operator):
    know_devices(*(f"d{number:03}" for number in range(120)))
    sync, _ = start_sync(operator)
    sync.devices_read, sync.stage = 50, "devices"
    sync.save()

    line = {"HX-Request": "true", "HX-Target": "inventory-sync"}
    words = text_of(page.get("/inventory/", headers=line))

    assert "50 of about 120 devices, about 2 calls left" in words
    assert "Estimated finish" in words


def test_a_full_read_can_be_started(page, vendor, send_due):
    page.post("/inventory/syncs/")
    send_due()

    words = text_of(page.get("/inventory/"))

    assert "Full read Done 60" in words
    assert "No read is running." in words


def test_the_inventory_page_makes_few_queries(page, operator):
    start_sync(operator)
    with CaptureQueriesContext(connection) as found:
        page.get("/inventory/", headers={"HX-Request": "true", "HX-Target": "inventory-live"})
    assert len(found) <= 12


def test_the_device_list_says_that_the_inventory_was_never_read(page):
    know_devices("a")
    assert Device.objects.get().last_sync_id == 0
    assert "The inventory has never been read." in text_of(page.get("/devices/"))
