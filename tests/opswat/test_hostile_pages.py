"""No answer crashes the reading of devices, changes and groups."""

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.errors import Unconfirmed
from actions.opswat.payloads import (
    read_changes,
    read_device_list,
    read_device_page,
    read_groups,
)
from tests.opswat.strategies import JSON, rows_with, steady
from tests.opswat.test_devices import FULL


def assert_storable(record: object) -> None:
    for field in fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        for text in value if isinstance(value, tuple) else [value]:
            if isinstance(text, str):
                assert "\x00" not in text
                assert len(text) <= 255
                text.encode()
            if isinstance(text, int):
                assert 0 <= text < 2**31


ROWS = rows_with(*FULL, "nick_name", "link_user", "user_identity") | JSON


NESTED = st.fixed_dictionaries(
    {"device_id": st.just("d1")},
    optional={
        "network_info": st.lists(rows_with("mac", "ipv4")) | rows_with("mac", "ipv4"),
        "os_info": rows_with("family", "name", "version"),
        "issue": rows_with("total_issue", "total_critical", "total_warning_issues"),
        "user_info": rows_with("username"),
        "last_seen": JSON,
    },
)


@steady
@given(body=JSON | st.lists(ROWS | NESTED, max_size=4) | ROWS)
def test_no_answer_crashes_the_reading_of_details(body):
    try:
        records = read_device_list(body).devices
    except Unconfirmed:
        return
    for record in records:
        assert record.vendor_id
        assert_storable(record)


@steady
@given(
    body=JSON
    | st.fixed_dictionaries(
        {}, optional={"devices": JSON | st.lists(ROWS | NESTED, max_size=4), "next_token": JSON}
    )
)
def test_no_answer_crashes_the_reading_of_a_page(body):
    try:
        page = read_device_page(body, "d1")
    except Unconfirmed:
        return
    assert page.next_cursor != "d1"
    for record in page.devices:
        assert_storable(record)


@steady
@given(
    body=JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "monitored_devices": JSON | st.lists(ROWS, max_size=4),
            "deleted_devices": JSON | st.lists(JSON | rows_with("device_id"), max_size=4),
        },
    )
)
def test_no_answer_crashes_the_reading_of_changes(body):
    try:
        page = read_changes(body)
    except Unconfirmed:
        return
    assert len(page.changed) + len(page.deleted) <= page.rows
    for record in page.changed:
        assert_storable(record)


@steady
@given(body=JSON | st.lists(rows_with("group_id", "group_name", "number_of_devices") | JSON))
def test_no_answer_crashes_the_reading_of_groups(body):
    try:
        groups = read_groups(body).groups
    except Unconfirmed:
        return
    for group in groups:
        assert_storable(group)
