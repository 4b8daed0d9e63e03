"""Find and choose devices."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.models import Device
from actions.services.inventory import store_records
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import know_devices, make_record

pytestmark = pytest.mark.django_db

MAC = "00:1B:21:CD:AB:44"
PART = {"HX-Request": "true", "HX-Target": "device-list"}


@pytest.fixture
def fleet(db):
    store_records(
        [
            make_record(
                "f00d",
                name="KIOSK-7",
                host_name="kiosk-7.shop.example",
                ip="10.1.2.3",
                user_name="maria.costa",
                group_name="Shop floor",
                macs=(MAC,),
            ),
            make_record("beef", name="LAPTOP-9", status="non_compliant", ip="10.9.9.9"),
            make_record("cafe", name="LAPTOP-10", status="exempted"),
        ]
    )


def names(client, **view):
    return [device.name for device in client.get("/devices/", view).context["page"].devices]


@pytest.mark.parametrize(
    "search",
    [
        *("KIOSK-7", "kiosk", "iosk-7", "f00d", "F00D", "shop.example", "10.1.2.3", "10.1.2"),
        *("maria.costa", "Maria", "shop floor", "floor kiosk", "  kiosk  "),
        *(MAC, "00-1b-21-cd-ab-44", "001b.21cd.ab44", "001B21CDAB44"),
    ],
)
def test_one_box_finds_a_device_by_all_that_names_it(page, fleet, search):
    assert names(page, q=search) == ["KIOSK-7"]


@pytest.mark.parametrize("search", ["kiosk laptop", "%", "_", "00:1B:21:CD:AB:45", "nobody", "\\"])
def test_what_names_no_device_finds_none(page, fleet, search):
    assert names(page, q=search) == []


def test_the_statuses_filter_and_are_counted(page, fleet):
    assert names(page, status="non_compliant") == ["LAPTOP-9"]
    assert names(page, status="exempted", q="laptop") == ["LAPTOP-10"]
    text = Parsed(page.get("/devices/").content.decode()).text
    assert "Non compliant (1)" in text


def test_a_device_that_the_vendor_no_longer_lists_is_not_offered(page, fleet):
    Device.objects.filter(vendor_id="beef").update(gone_at="2026-01-01T00:00Z")
    assert names(page) == ["KIOSK-7", "LAPTOP-10"]


def test_pages_hold_as_many_as_asked_and_together_all(page):
    know_devices(*(f"device-{number:03}" for number in range(60)))
    first = page.get("/devices/", {"size": 25})
    assert "1 to 25 of 60" in first.content.decode()
    found = [
        device.name
        for number in (1, 2, 3)
        for device in page.get("/devices/", {"size": 25, "page": number}).context["page"].devices
    ]
    assert found == [f"device-{number:03}" for number in range(60)]
    assert "51 to 60 of 60" in page.get("/devices/", {"size": 25, "page": 3}).content.decode()
    assert len(names(page, size=100)) == 60


def test_links_to_other_pages_keep_the_view(page):
    know_devices(*(f"device-{number:03}" for number in range(60)), status="non_compliant")
    view = {"size": 25, "q": "device", "status": "non_compliant"}
    context = page.get("/devices/", view).context
    assert context["next_url"] == "?q=device&status=non_compliant&size=25&page=2"
    assert context["without_search"] == "?status=non_compliant&size=25"
    assert [size["label"] for size in context["sizes"] if size["current"]] == [25]


@pytest.mark.parametrize(
    "view",
    [
        {"page": "-1"},
        {"page": "0"},
        {"page": "abc"},
        {"page": "²"},
        {"page": "9" * 40},
        {"page": "100000"},
        {"size": "abc"},
        {"size": "7"},
        {"size": "-50"},
        {"q": "x" * 5000},
        {"q": "a\x00b"},
        {"q": "\x00"},
        {"q": "' OR 1=1 --"},
        {"status": "x" * 5000},
        {"status": "a\x00b"},
        {"status": "nonsense"},
        {"nobody": "asked"},
    ],
    ids=repr,
)
def test_nonsense_in_the_address_is_no_error(page, fleet, view):
    assert page.get("/devices/", view).status_code == 200


def test_past_the_end_the_page_leads_back(page, fleet):
    html = page.get("/devices/", {"page": 9}).content.decode()
    assert "The list ends before this page" in html


def test_an_empty_inventory_says_how_to_fill_it(page):
    assert "sync_devices" in page.get("/devices/").content.decode()


def test_htmx_is_given_the_list_alone_from_the_same_address(page, fleet):
    part = page.get("/devices/", {"q": "kiosk"}, headers=PART)
    html = part.content.decode()
    assert "<html" not in html
    assert Parsed(html).elements[0][1]["id"] == "device-list"
    assert {"HX-Request", "HX-Target"} <= {word.strip() for word in part["Vary"].split(",")}


def test_ten_or_five_hundred_devices_cost_the_same_few_queries(page):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert page.get("/devices/", {"size": 250}).status_code == 200
        return len(found)

    know_devices(*(f"device-{number:03}" for number in range(10)))
    page.get("/devices/")
    few = queries()
    know_devices(*(f"device-{number:03}" for number in range(10, 500)))
    assert queries() == few <= 16


@pytest.mark.parametrize(("role", "told"), [("helpdesk", True), ("operator", False)])
def test_a_limited_role_knows_its_limit_while_choosing(role, told, visit: Visitor, fleet):
    html = visit(role).get("/devices/").content.decode()
    assert ("at most 10 in one request" in html) is told
