"""The device list: search, filters, order, pages and queries."""

from urllib.parse import urlencode

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from actions.action_requests.models import ActionRequest
from actions.devices import filters
from actions.devices.query import KEYS, parse_device_query
from actions.errors import Refused
from actions.inventory.models import Device
from actions.inventory.store import store_records
from tests.dashboard.conftest import MAC
from tests.dashboard.walk import Parsed
from tests.factories import know_devices, make_record, make_request

pytestmark = pytest.mark.django_db


def names(client, **view):
    return [device.name for device in client.get("/devices/", view).context["page"].devices]


@pytest.mark.parametrize(
    "search",
    [
        *("KIOSK-7", "kiosk", "iosk-7", "f00d", "F00D", "shop.example", "10.1.2.3", "10.1.2"),
        *("maria.costa", "Maria", "shop floor", "floor kiosk", "  kiosk  "),
        *(MAC, "00-1b-21-cd-ab-44", "001b.21cd.ab44", "001B21CDAB44"),
        *("00-1b-21", "001b.21cd", "cd-ab-44", "k kiosk", "7 10"),
    ],
)
def test_the_search_finds_a_device_by_each_of_its_names(page, fleet, search):
    assert names(page, q=search) == ["KIOSK-7"]


@pytest.mark.parametrize("search", ["kiosk laptop", "%", "_", "00:1B:21:CD:AB:45", "nobody", "\\"])
def test_a_search_that_names_no_device_finds_none(page, fleet, search):
    assert names(page, q=search) == []


@pytest.mark.parametrize("search", ["kiosk", "10.1.2", "f00d shop", "00-1b-21", "nobody"])
def test_frequent_and_rare_words_find_the_same_devices(page, fleet, search, monkeypatch):
    found = names(page, q=search)
    monkeypatch.setattr(
        "actions.devices.search.MAX_INDEX_HITS", 0
    )  # As if each word were in most of them.
    assert names(page, q=search) == found


def test_a_search_without_the_index_reads_only_the_search_columns(fleet):
    found = filters.filter_devices(parse_device_query("q=07"))
    if connection.vendor == "sqlite":
        plan = found.order_by().values("search_text", "gone_at").explain()
        assert "COVERING INDEX device_search_texts" in plan
    else:  # Which index PostgreSQL uses for three rows proves nothing.
        with connection.cursor() as cursor:
            has = connection.introspection.get_constraints(cursor, "actions_device")
        assert has["device_search"]["type"] == "gin"


def test_a_device_with_many_macs_is_found_and_counted(page, fleet):
    macs = [f"02:00:00:00:{number // 256:02X}:{number % 256:02X}" for number in range(300)]
    store_records([make_record("long", name="GATEWAY", user_name="kim@shop.example", macs=macs)])
    for search in ("02:00:00:00:01:2b", "kim", "shop.example"):
        count = page.get("/devices/count/", {"q": search}).content.decode()
        assert f'data-total="{len(names(page, q=search))}"' in count
        assert "GATEWAY" in names(page, q=search)


def test_the_search_index_follows_changes(page, fleet):
    store_records([make_record("f00d", name="TILL-7"), make_record("dead", name="KIOSK-8")])
    assert names(page, q="kiosk") == ["KIOSK-8"]
    assert names(page, q="till") == ["TILL-7"]
    Device.objects.filter(vendor_id="dead").delete()
    assert names(page, q="kiosk") == []


def test_the_list_is_filtered_by_values_of_the_fleet(page, fleet):
    assert names(page, status="non_compliant") == ["LAPTOP-9"]
    assert names(page, status="exempted", q="laptop") == ["LAPTOP-10"]
    assert names(page, status=["exempted", "compliant"]) == ["KIOSK-7", "LAPTOP-10"]
    text = Parsed(page.get("/devices/").content.decode()).text
    assert "Non compliant" in text


def test_gone_devices_are_listed_only_with_their_filter(page, fleet):
    Device.objects.filter(vendor_id="beef").update(gone_at="2026-01-01T00:00Z")
    assert names(page) == ["KIOSK-7", "LAPTOP-10"]
    assert names(page, gone="only") == ["LAPTOP-9"]
    assert len(names(page, gone="all")) == 3


def pages(client, **view):
    """Follow the links from the first page to the last; return the names on each."""
    found, url = [], "/devices/?" + urlencode(view, doseq=True)
    while url:
        context = client.get(url).context
        found.append([device.name for device in context["page"].devices])
        url = context["next_url"] and f"/devices/{context['next_url']}"
    return found


@pytest.mark.parametrize("sort", ["name", "host", "status", "agent", "seen", "enrolled"])
@pytest.mark.parametrize("down", ["", "-"])
def test_the_pages_of_any_order_have_each_device_once_in_both_directions(page, mixed, sort, down):
    there = pages(page, sort=down + sort, size=25)
    url, back = "/devices/?" + urlencode({"sort": down + sort, "size": 25, "page": "last"}), []
    while url:
        context = page.get(url).context
        back += reversed([device.name for device in context["page"].devices])
        url = context["previous_url"] and f"/devices/{context['previous_url']}"

    whole = [name for part in there for name in part]
    assert len(whole) == len(set(whole)) == 60
    assert [len(part) for part in there] == [25, 25, 10]
    assert list(dict.fromkeys(reversed(back))) == whole


def test_versions_sort_numerically_and_missing_times_come_last(page, mixed):
    versions = [d.agent_version for d in page.get("/devices/?sort=-agent").context["page"].devices]
    assert versions[0] == "7.12.1"
    assert versions.index("7.10.1") < versions.index("7.9.1")
    for sort in ("seen", "-seen"):
        devices = page.get("/devices/", {"sort": sort, "size": 100}).context["page"].devices
        assert [device.last_seen is None for device in devices] == [False] * 45 + [True] * 15


@pytest.mark.parametrize(
    ("view", "found"),
    [
        ({"version_from": "7.11"}, 8),
        ({"version_from": "7.9", "version_to": "7.10"}, 8),
        ({"seen": "never"}, 15),
        ({"seen": ["never", "over-7d"]}, 60),
        ({"seen": "24h"}, 0),
        ({"enrolled_from": "2026-01-01", "enrolled_to": "2026-01-01"}, 29),
        ({"enrolled_from": "2026-01-02"}, 0),
        ({"exemption": "now"}, 30),
        ({"exemption": ["now", "none"]}, 60),
        ({"exemption": "none", "seen": "never"}, 15),
        ({"acted": "7d"}, 0),
        ({"status": ["compliant", "exempted"], "system": "none-such"}, 0),
    ],
    ids=str,
)
def test_values_of_one_filter_are_alternatives_and_filters_combine(page, mixed, view, found):
    assert len(names(page, size=100, **view)) == found
    assert filters.matching(urlencode(view, doseq=True)).count() == found


def test_devices_are_filtered_by_their_commands(page, fleet, operator):
    action_request = make_request(operator, "f00d", "beef", kind="exempt")
    action_request.commands.filter(target="f00d").update(status="failed")
    action_request.commands.filter(target="beef").update(status="confirmed")

    assert names(page, request=action_request.uuid) == ["KIOSK-7", "LAPTOP-9"]
    assert names(page, request=action_request.uuid, outcome="failed") == ["KIOSK-7"]
    assert names(page, acted="24h") == ["KIOSK-7", "LAPTOP-9"]
    ActionRequest.objects.update(device_count=1_000_000)  # Then each device is looked at.
    assert names(page, acted=["1h", "24h"]) == ["KIOSK-7", "LAPTOP-9"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("version_from", "abc"), ("version_to", "7.6-beta"), ("seen", "yesterday")),
        *(("acted", "0d"), ("acted", "over-7d"), ("enrolled_from", "2026-02-30")),
        *(("enrolled_to", "24.11.2026"), ("exemption", "maybe"), ("request", "1")),
        *(("outcome", "failed"), ("gone", "yes"), ("status", "x" * 300)),
    ],
)
def test_an_invalid_filter_shows_its_problem_and_lists_nothing(page, fleet, key, value):
    answer = page.get("/devices/", {key: value})
    assert answer.status_code == 200
    assert answer.context["page"].devices == []
    assert answer.context["list_state"].device_query.problems[key]
    assert "Some filters are invalid" in answer.content.decode()
    with pytest.raises(Refused) as refusal:
        filters.matching(urlencode({key: value}))
    assert list(refusal.value.by_field()) == [key]


@given(query=st.text(max_size=60))
def test_any_query_string_can_be_parsed(query):
    device_query = parse_device_query(query)
    assert parse_device_query(device_query.as_url()) == device_query


@given(
    pairs=st.lists(st.tuples(st.sampled_from(KEYS), st.text(min_size=1, max_size=8)), max_size=6)
)
def test_the_text_of_a_query_does_not_depend_on_the_order(pairs):
    several = [pair for pair in pairs if pair[0] != "q"]
    assert parse_device_query(urlencode(several)) == parse_device_query(urlencode(several[::-1]))


def test_links_to_other_pages_keep_filters_and_order(page):
    know_devices(*(f"device-{number:03}" for number in range(60)), status="non_compliant")
    view = {"size": 25, "q": "device", "status": "non_compliant"}
    context = page.get("/devices/", view).context
    assert context["next_url"].startswith("?q=device&status=non_compliant&size=25&after=")
    chips = context["list_state"].chips()
    assert [chip.url for chip in chips] == [
        "?status=non_compliant&size=25",
        "?q=device&size=25",
    ]
    assert [size["label"] for size in context["sizes"] if size["current"]] == [25]
