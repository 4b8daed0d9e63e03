"""Days and cursors at the edges of what both databases can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.devices import filters, pagination
from actions.devices.query import parse_device_query
from tests.factories import know_devices

pytestmark = pytest.mark.django_db

EDGES = (
    *("0001-01-01T00:00:00-23:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("9999-12-31T23:59:59+23:59", "2026-01-01T00:00:00+00:00:01", "2026-01-01T00:00Z", "\x00"),
    *("\ud800", "", "x" * 10_000, "2026-13-45", "infinity", "١٢"),
)


@pytest.mark.parametrize("sort", [*pagination.SORTS, *(f"-{key}" for key in pagination.SORTS)])
def test_low_a_cursor_at_the_edge_gives_a_page(sort: str) -> None:
    know_devices("kiosk")
    order = pagination.parse_order(sort)
    assert order
    found = filters.filter_devices(parse_device_query(""))
    for text in [f"{key}{value}" for key in ("", "1:", "999999999999999999:") for value in EDGES]:
        cursor = pagination.parse_cursor(text, order)
        assert pagination.page_after(found, order, 25, cursor).devices is not None
        assert pagination.page_before(found, order, 25, cursor).devices is not None


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2024-02-29", "1970-01-01"])
@pytest.mark.parametrize("key", ["enrolled_from", "enrolled_to"])
def test_low_the_first_and_the_last_day_can_be_asked_for(key: str, day: str) -> None:
    know_devices("kiosk")
    assert filters.matching(f"{key}={day}").count() == 0


@given(
    text=st.text(max_size=30),
    at=st.one_of(st.none(), st.datetimes(timezones=st.timezones())),
    sort=st.sampled_from([*pagination.SORTS, *(f"-{key}" for key in pagination.SORTS)]),
)
def test_any_cursor_can_be_asked_for(text: str, at: object, sort: str) -> None:
    order = pagination.parse_order(sort)
    assert order
    found = filters.filter_devices(parse_device_query(""))
    for cursor in (text, f"1:{text}", f"1:{at}"):
        pagination.page_after(found, order, 25, pagination.parse_cursor(cursor, order))
