"""Lists of values in addresses and forms are refused before work starts, whatever carries them."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from actions.audit.query import NAMES as AUDIT_NAMES
from actions.devices import filters
from actions.devices.query import KEYS, MAX_QUERY_LENGTH, parse_device_query
from actions.errors import Refused
from actions.selections.models import Selection
from actions.trail.models import AuditEvent
from dashboard.device_list.state import DeviceListState
from dashboard.models import SavedView
from tests.dashboard.conftest import Visitor
from tests.factories import know_devices

pytestmark = pytest.mark.django_db

MANY = 3600
"""Values that took 54 seconds and 205 MB."""

ROOM = 150_000
"""Bytes that an answer may have; without values these pages have 30 to 100 kB."""

SINGLE = {
    "audit": AUDIT_NAMES,
    "agent_logs": ("device", "person", "status", "before"),
    "action_requests": ("whose", "kind", "before"),
    "vendor_calls": ("before",),
    "in_doubt": ("kind", "before"),
    "compose": ("selection", "kind"),
}


def many(key: str, count: int = MANY) -> str:
    return urlencode([(key, number) for number in range(count)])


@pytest.mark.parametrize("key", KEYS)
def test_h5_a_filter_with_thousands_of_values_is_refused_without_chips(page: Any, key: str) -> None:
    know_devices("kiosk")
    answer = page.get(f"/devices/?{many(key)}")
    state = answer.context["list_state"]
    assert answer.status_code < 500
    assert state.chips() == []
    assert answer.content.count(b'class="chip"') == 0
    assert len(answer.content) < ROOM
    assert b"Remove all filters" in answer.content
    assert b"kiosk</a>" not in answer.content  # No list of a query that was not understood.
    with pytest.raises(Refused):
        filters.matching(many(key))


@pytest.mark.parametrize("count", [101, 450, 900])
def test_h5_more_than_a_hundred_values_are_told_beside_the_filter(page: Any, count: int) -> None:
    answer = page.get(f"/devices/?{many('status', count)}")
    assert answer.context["list_state"].chips() == []
    assert "at most 100 values" in answer.content.decode() or count == 900


@pytest.mark.parametrize("count", [1, 5, 6, 100])
def test_chips_are_few_and_remove_what_they_name(count: int) -> None:
    state = DeviceListState.read_text(many("group", count) + "&q=kiosk")
    chips = state.chips()
    assert len(chips) <= 6
    for chip in chips:
        left = parse_device_query(chip.url.removeprefix("?"))
        assert left.problems == {}
        assert len(left.of("group")) in {0, count - 1, count}
    assert chips[-1].url == ("?q=kiosk" if count != 5 else chips[-1].url)


def test_the_size_of_a_page_grows_no_faster_than_its_query(page: Any) -> None:
    """Counted in bytes: 25, 50 and 100 values of each filter that takes several."""
    several = ("status", "severity", "type", "system", "agent")
    sizes = []
    for count in (25, 50, 100):
        text = "&".join(many(key, count) for key in several)
        assert len(text) <= MAX_QUERY_LENGTH
        sizes.append(len(page.get(f"/devices/?{text}").content))
    assert sizes[2] - sizes[1] < 2.2 * (sizes[1] - sizes[0])


@pytest.mark.parametrize(
    "text",
    [
        many("status"),
        many("status", 101),
        urlencode({"group": "x" * MAX_QUERY_LENGTH}),
        "&".join(f"{key}={'é' * 900}" for key in ("status", "group", "system")),
        many("nobody", 30_000) + "&status=compliant",
    ],
    ids=["values", "a few more", "one long", "long when quoted", "fields"],
)
def test_what_is_too_long_stays_refused_wherever_it_is_carried(
    page: Any, visit: Visitor, text: str
) -> None:
    know_devices("kiosk", "laptop")
    state = DeviceListState.read_text(text)
    assert DeviceListState.read_text(state.query).device_query.problems
    for carried in (text, state.query, state.device_query.as_url()):
        view = {"name": "Mine", "query": carried, "shared": "1"}
        assert len(page.post("/devices/views/", view)["Location"]) < 2 * MAX_QUERY_LENGTH
        page.post("/devices/export/", {"format": "csv", "query": carried})
        page.post("/devices/choose/", {"all": "1", "device_query": carried})
    assert not SavedView.objects.exists()
    assert not Selection.objects.exists()
    assert not AuditEvent.objects.filter(verb="devices.exported").exists()


@pytest.mark.parametrize("field", ["unticked", "device", "carried"])
def test_low_300_000_keys_are_refused_with_a_text(page: Any, field: str) -> None:
    """SQLite takes 250,000 variables; the answer was 503 'database away'."""
    know_devices("kiosk")
    form = {field: ",".join(map(str, range(1, 300_001)))}
    form |= {"all": "1", "device_query": ""} if field == "unticked" else {}
    answer = page.post(reverse("choose_devices"), form, follow=True)
    assert answer.status_code == 200
    assert "At most 100,000 devices" in answer.content.decode()
    assert not Selection.objects.exists()


def test_as_many_keys_as_allowed_are_taken(page: Any) -> None:
    (device,) = know_devices("kiosk")
    others = ",".join(str(key) for key in range(1, 100_001) if key != device.pk)
    form = {"all": "1", "device_query": "", "unticked": others}
    assert page.post(reverse("choose_devices"), form).status_code == 303
    assert Selection.objects.get().device_count == 1
    assert filters.matching(f"unticked={others}").count() == 1


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in SINGLE.items() for key in keys]
)
def test_a_parameter_with_one_value_takes_no_list(visit: Visitor, name: str, key: str) -> None:
    for client in (visit("auditor"), visit("operator")):
        answer = client.get(f"{reverse(name)}?{many(key)}")
        assert answer.status_code < 500
        assert len(answer.content) < ROOM


@pytest.mark.parametrize("field", ["target", "only"])
@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_control_takes_no_list_without_end(
    page: Any, action_request: Any, verb: str, field: str
) -> None:
    form = {"verb": verb, "reason": "x", field: [f"d{number}" for number in range(MANY)]}
    answer = page.post(reverse("control_action_request", args=[action_request.uuid]), form)
    assert len(answer.content) < ROOM
    lines = AuditEvent.objects.exclude(verb="person.signed_in")
    assert all(len(str(line.data)) < 5000 for line in lines)


def test_columns_and_rules_are_read_once_each(page: Any) -> None:
    form = {"column": [*map(str, range(MANY)), "severity"], "query": ""}
    assert page.post("/devices/columns/", form).status_code == 302
    heads = page.get("/devices/").context["heads"]
    assert [column.key for column, *_ in heads] == ["name", "severity"]
    rules = " ".join(map(str, range(MANY)))
    answer = page.post(reverse("compose"), {"drop": rules, "kind": "exempt"})
    assert len(answer.content) < ROOM
