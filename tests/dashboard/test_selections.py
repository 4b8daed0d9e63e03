"""Selections made in the device list."""

from urllib.parse import parse_qs, urlsplit

import pytest

from actions.devices import filters
from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.selections import choose
from actions.selections.models import Selection
from tests.factories import know_devices, make_record

pytestmark = pytest.mark.django_db

CHOOSE = "/selections/"


@pytest.fixture
def fleet(db):
    know_devices(*(f"kiosk-{number}" for number in range(9)), status="exempted")
    know_devices("laptop-1", "laptop-2")


def key(name):
    return Device.objects.get(vendor_id=name).pk


def chosen(answer):
    """The device ids of the selection that a response redirects to."""
    assert answer.status_code == 303, answer.content
    query = parse_qs(urlsplit(answer["Location"]).query)
    return choose.targets_of(Selection.objects.get(uuid=query["selection"][0]))


def test_ticked_rows_of_all_pages_are_selected_without_duplicates(page, fleet):
    carried = f"{key('laptop-1')},{key('kiosk-2')}"
    answer = page.post(
        CHOOSE,
        {"device": [key("kiosk-2"), key("kiosk-1"), "x"], "carried": carried, "kind": "exempt"},
    )
    assert chosen(answer) == ["kiosk-1", "kiosk-2", "laptop-1"]
    assert answer["Location"].endswith("&kind=exempt")
    assert "3 devices" in page.get(answer["Location"]).content.decode()


def test_all_matches_except_the_unticked_are_selected_with_their_query(page, fleet):
    unticked = f"{key('kiosk-3')},{key('kiosk-5')}"
    answer = page.post(
        CHOOSE, {"all": "1", "device_query": "q=kiosk&status=exempted", "unticked": unticked}
    )
    names = [f"kiosk-{number}" for number in (0, 1, 2, 4, 6, 7, 8)]
    assert chosen(answer) == names

    selection = Selection.objects.get()
    now_matching = filters.matching(selection.query)
    assert sorted(now_matching.values_list("vendor_id", flat=True)) == names
    store_records(
        [make_record("kiosk-0", status="compliant"), make_record("kiosk-9", status="exempted")]
    )
    assert choose.targets_of(selection) == names
    assert sorted(now_matching.values_list("vendor_id", flat=True)) == [*names[1:], "kiosk-9"]


def test_a_selection_of_all_stores_a_query_and_ticked_rows_store_none(page, fleet):
    assert len(chosen(page.post(CHOOSE, {"all": "1"}))) == 11
    page.post(CHOOSE, {"device": key("laptop-1"), "device_query": "q=kiosk"})
    everything, ticked = Selection.objects.order_by("id")
    assert filters.matching(everything.query).count() == 11
    assert (bool(everything.query), ticked.query) == (True, "")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"device": "99999999"},
        {"device": "²"},
        {"all": "1", "device_query": "q=nothing-is-called-so"},
        {"all": "1", "device_query": "seen=yesterday"},
        {"all": "1", "device_query": "enrolled_from=2026-02-30&status=exempted"},
    ],
    ids=repr,
)
def test_a_selection_without_a_device_shows_a_message_and_stores_nothing(page, fleet, form):
    answer = page.post(CHOOSE, form)
    assert (answer.status_code, urlsplit(answer["Location"]).path) == (303, "/devices/")
    assert 'class="toast' in page.get(answer["Location"]).content.decode()
    assert not Selection.objects.exists()


def test_only_a_known_kind_is_passed_on_in_the_url(page, fleet):
    answer = page.post(CHOOSE, {"device": key("laptop-1"), "kind": "x&selection=1"})
    assert "kind" not in answer["Location"]
