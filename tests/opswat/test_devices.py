"""A malformed row of devices or groups is dropped; a malformed page is an error."""

from datetime import UTC, datetime

import pytest

from actions.opswat.datetimes import read_datetime
from actions.opswat.errors import Unconfirmed
from actions.opswat.payloads import (
    ChangePage,
    DevicePage,
    DeviceRecord,
    GroupPage,
    GroupRecord,
    read_changes,
    read_device_list,
    read_device_page,
    read_groups,
)

FULL = {
    "device_id": "0123456789abcdef0123456789abcdef",
    "device_name": "kiosk-7",
    "host_name": "<private>",
    "nickname": "Lobby\nleft",
    "status": "non-compliant",
    "severity": "critical",
    "device_type": "Desktop",
    "agent_type": "On-Demand",
    "agent_version": "7.6.231.0",
    "group_name": "Kiosks",
    "public_ip": "203.0.113.9",
    "os_info": {"family": "Windows", "name": "Windows 11", "version": "10.0.22631"},
    "network_info": [
        {"mac": "00-00-00-00-00-00", "ipv4": "N/A"},
        {"mac": "aa-bb-cc-dd-ee-01", "ipv4": "127.0.0.1"},
        {"mac": "N/A", "ipv4": "169.254.3.4"},
        {"mac": "AA:BB:CC:DD:EE:02", "ipv4": "N/A, 10.1.2.3"},
        {"mac": "aabb.ccdd.ee01", "ipv4": "10.9.9.9"},
    ],
    "user_info": {"username": "anna", "domain": "CORP"},
    "enrolled_at": "2014-07-18T08:59:00Z",
    "last_seen": 1_700_000_000,
    "last_reboot": "1700000000000",
    "issue": {"total_issue": 3, "total_critical_issue": 1, "total_warning_issue": 2},
}


ODD_TIMES: list[object] = [
    *("", "N/A", "<private>", "0001-01-01", "2014-13-01", "9" * 15, None, True, [], {}),
    *(0, -1, 10**400, float("nan"), float("inf")),
]
ODD_TOKENS: list[object] = [[], {}, 1.5, "\x00", " a", "x" * 4097]
ODD_PAGES: list[object] = [
    *(None, [], "x", 1, {}, {"error": "x"}, {"devices": "x"}, {"devices": {}}),
    *({"devices": [], "next_token": token} for token in ODD_TOKENS),
]


def one(**changes: object) -> DeviceRecord:
    (record,) = read_device_list([{"device_id": "d1"} | changes]).devices
    return record


def test_all_fields_of_a_full_row_are_read():
    (record,) = read_device_page({"devices": [FULL], "next_token": "n"}, None).devices
    assert record == DeviceRecord(
        vendor_id="0123456789abcdef0123456789abcdef",
        name="kiosk-7",
        host_name="<private>",
        nickname="Lobby left",
        status="non_compliant",
        severity="critical",
        device_type="desktop",
        os_family="Windows",
        os_name="Windows 11",
        os_version="10.0.22631",
        agent_type="on_demand",
        agent_version="7.6.231.0",
        group_name="Kiosks",
        public_ip="203.0.113.9",
        ip="10.1.2.3",
        macs=("AA:BB:CC:DD:EE:01", "AA:BB:CC:DD:EE:02"),
        user_name="anna",
        enrolled_at=datetime(2014, 7, 18, 8, 59, tzinfo=UTC),
        last_seen=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        last_reboot=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        total_issues=3,
        critical_issues=1,
        warning_issues=2,
    )


@pytest.mark.parametrize(
    "issue",
    [
        {"total_issue": 3, "total_critical_issue": 1, "total_warning_issue": 2},
        {"total_issue": 3, "total_critical": 1, "total_warning": 2},
        {"total_issues": 3, "total_critical_issues": 1, "total_warning_issues": 2},
    ],
)
def test_issues_are_counted_in_all_three_spellings(issue):
    record = one(issue=issue)
    assert (record.total_issues, record.critical_issues, record.warning_issues) == (3, 1, 2)


def test_alternative_names_of_a_field_are_read():
    assert one(nick_name="n").nickname == "n"
    assert one(link_user={"username": "u"}).user_name == "u"
    assert one(user_info={"username": ""}, link_user={"username": "u"}).user_name == "u"
    assert one(user_identity="u@example.org").user_name == "u@example.org"
    assert one(public_ip="N/A").public_ip == ""
    assert one(public_ip="<private>").public_ip == "<private>"


def test_text_is_cut_and_cleaned():
    record = one(device_name="a\x00\ud800\x1b" + "b" * 1000, host_name=7, nickname=["x"])
    assert record.name == "a" + "b" * 254
    assert (record.host_name, record.nickname) == ("7", "")


@pytest.mark.parametrize("name", ["", " d1", "d\x00", "d\ud800", "d" * 256, None, True, ["d1"], {}])
def test_a_row_without_a_usable_id_is_dropped_and_counted(name):
    page = read_device_page({"devices": [{"device_id": name}, FULL, "x"], "next_token": "n"}, None)
    assert (len(page.devices), page.dropped, page.next_cursor) == (1, 2, "n")


def test_a_numeric_id_is_taken_as_text():
    assert read_device_list([{"device_id": 12}]).devices[0].vendor_id == "12"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2014-07-18T08:59:00Z", datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        ("2014-07-18T10:59:00+02:00", datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        ("2014-07-18T08:59:00.250Z", datetime(2014, 7, 18, 8, 59, 0, 250_000, tzinfo=UTC)),
        ("2014-07-18 08:59:00", datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        ("2014-07-18", datetime(2014, 7, 18, tzinfo=UTC)),
        (1_405_673_940, datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        ("1405673940000", datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        (1_405_673_940_000.0, datetime(2014, 7, 18, 8, 59, tzinfo=UTC)),
        *((odd, None) for odd in ODD_TIMES),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:59-23:00", None),
    ],
)
def test_times_are_read_in_all_known_forms(value, expected):
    assert read_datetime(value) == expected


@pytest.mark.parametrize("end", [None, "", False])
def test_the_end_is_a_missing_empty_or_null_token(end):
    assert read_device_page({"devices": [FULL], "next_token": end}, "c").next_cursor is None
    assert read_device_page({"devices": [FULL]}, "c").next_cursor is None


def test_the_end_is_also_a_repeated_token_but_not_an_empty_page():
    assert read_device_page({"devices": [FULL], "next_token": "c"}, "c").next_cursor is None
    assert read_device_page({"devices": [], "next_token": "c"}, "c").next_cursor is None
    assert read_device_page({"devices": [], "next_token": "n"}, "c") == DevicePage((), "n")
    assert read_device_page({"devices": None, "next_token": "n"}, "c") == DevicePage((), "n")


def test_a_page_of_rows_that_are_all_unusable_is_not_the_end():
    page = read_device_page({"devices": [{}], "next_token": "n"}, "c")
    assert (page.devices, page.next_cursor, page.dropped) == ((), "n", 1)


@pytest.mark.parametrize("body", ODD_PAGES)
def test_an_answer_that_is_not_a_page_does_not_mean_the_end(body):
    with pytest.raises(Unconfirmed):
        read_device_page(body, None)


def test_details_are_read_as_list_under_a_key_or_as_one_device():
    for body in ([FULL], {"devices": [FULL]}, FULL):
        assert [record.name for record in read_device_list(body).devices] == ["kiosk-7"]
    for odd in (None, "x", {}, {"error": "x"}):
        with pytest.raises(Unconfirmed):
            read_device_list(odd)


def test_groups_are_read_and_rows_without_an_id_dropped():
    rows = [
        {"group_id": "g1", "group_name": "Kiosks", "number_of_devices": 12},
        {"group_id": "g2", "number_of_devices": "many"},
        {"group_id": ""},
        7,
    ]
    expected = (GroupRecord("g1", "Kiosks", 12), GroupRecord("g2", "", None))
    assert read_groups(rows) == read_groups({"groups": rows}) == GroupPage(expected, 4, 2)
    empties: list[object] = [None, {}, {"groups": None}, [], {"groups": []}]
    for empty in empties:
        assert read_groups(empty) == GroupPage()
    for odd in ("x", {"error": "x"}, {"groups": "x"}, 0, False):
        with pytest.raises(Unconfirmed):
            read_groups(odd)


def test_an_absent_field_differs_from_an_empty_one():
    record = one(status="", agent_type=None, network_info=[], os_info={"family": "Linux"})
    assert record.reported == frozenset(
        {"status", "ip", "macs", "os_family", "os_name", "os_version"}
    )
    assert record.raw is not None
    assert record.raw["os_info"] == {"family": "Linux"}


def test_changes_are_read_in_both_forms_of_a_deletion():
    body = {
        "monitored_devices": [FULL, {"device_id": ""}],
        "deleted_devices": [{"device_id": "gone"}, "text", "text", 7, {}, None],
    }
    page = read_changes(body)
    assert [record.name for record in page.changed] == ["kiosk-7"]
    assert page.deleted == ("gone", "text", "7")
    assert (page.rows, page.dropped) == (8, 3)
    assert read_changes({"deleted_devices": None}) == ChangePage()


@pytest.mark.parametrize("body", [None, [], "x", {}, {"error": "x"}, {"deleted_devices": "x"}])
def test_an_answer_that_is_not_a_page_of_changes_does_not_mean_no_change(body):
    with pytest.raises(Unconfirmed):
        read_changes(body)
