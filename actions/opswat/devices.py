"""Reads devices and groups as the vendor lists them.

Sources: Get Devices v3.7, Device Details v3.8 and Get Groups v3.0 for the documented fields; the
rest was seen in public clients of older versions, so every field may be absent or malformed. A row
that cannot be read is dropped and counted; the rest of its page is kept. `<private>` (hidden by a
privacy setting) stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from actions.opswat.addresses import first_ip, read_ip, read_macs
from actions.opswat.datetimes import read_datetime
from actions.opswat.errors import Unconfirmed
from actions.opswat.sanitize import (
    MAX_TEXT,
    REPLACEMENT,
    clean_text,
    read_count,
    read_name,
    read_text,
)

_MAX_CURSOR = 4096

MAX_ROWS = 1_000
"""Rows that one answer may hold; 50 are asked for."""

_SOURCES: dict[str, tuple[str, ...]] = {
    "name": ("device_name",),
    "nickname": ("nickname", "nick_name"),
    "os_family": ("os_info",),
    "os_name": ("os_info",),
    "os_version": ("os_info",),
    "ip": ("network_info",),
    "macs": ("network_info",),
    "user_name": ("user_info", "link_user", "user_identity"),
    **{
        name: (name,)
        for name in (
            *("host_name", "status", "severity", "device_type", "agent_type", "agent_version"),
            *("group_name", "public_ip", "enrolled_at", "last_seen", "last_reboot"),
        )
    },
}
"""The vendor's keys of each field, by our name."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One device as the vendor describes it; absent texts are "", absent times and counts None.

    `status`, `severity`, `device_type` and `agent_type` are lower case with underscores;
    `vendor_id` is unchanged, because it is sent back. `reported` names the fields that the vendor
    sent, because its APIs send different ones (None: all of them); `raw` is the vendor's record.
    """

    vendor_id: str
    name: str = ""
    host_name: str = ""
    nickname: str = ""
    status: str = ""
    severity: str = ""
    device_type: str = ""
    os_family: str = ""
    os_name: str = ""
    os_version: str = ""
    agent_type: str = ""
    agent_version: str = ""
    group_name: str = ""
    public_ip: str = ""
    ip: str = ""
    macs: tuple[str, ...] = ()
    user_name: str = ""
    enrolled_at: datetime | None = None
    last_seen: datetime | None = None
    last_reboot: datetime | None = None
    total_issues: int | None = None
    critical_issues: int | None = None
    warning_issues: int | None = None
    reported: frozenset[str] | None = field(default=None, compare=False)
    raw: Mapping[str, object] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of changes; `rows` counts all its entries, `dropped` the unusable ones of them."""

    changed: tuple[DeviceRecord, ...] = ()
    deleted: tuple[str, ...] = ()
    rows: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class DevicePage:
    """One page of the list; `next_cursor` is None at the end, `dropped` counts unusable rows.

    A page without any row may have a `next_cursor`: it is not the end by itself.
    """

    devices: tuple[DeviceRecord, ...]
    next_cursor: str | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """One device group; `device_count` is None if the vendor did not send it."""

    vendor_id: str
    name: str = ""
    device_count: int | None = None


@dataclass(frozen=True, slots=True)
class GroupPage:
    """One page of groups; `rows` counts all its entries, `dropped` the unusable ones of them."""

    groups: tuple[GroupRecord, ...] = ()
    rows: int = 0
    dropped: int = 0


def read_device_page(body: object, cursor: str | None) -> DevicePage:
    """Read one page of Get Devices v3.5 to v3.7; `cursor` is the one of the request.

    How the vendor marks the end is not documented: a missing, empty, null or repeated token means
    the end (*assumed*). An empty page with another token does not: more may follow. Raises
    Unconfirmed when `body` is not such a page; an end must never be concluded from any other
    answer.
    """
    if not isinstance(body, dict) or not ("devices" in body or "next_token" in body):
        raise Unconfirmed("The vendor's answer is not a page of devices.")
    rows = body.get("devices")
    if rows is None:
        rows = []
    _check_rows(rows, "The vendor's page of devices contains no list.")
    next_cursor = _read_cursor(body.get("next_token"))
    devices = _read_rows(rows)
    return DevicePage(
        devices=devices,
        next_cursor=next_cursor if next_cursor != cursor else None,
        dropped=len(rows) - len(devices),
    )


def read_device_list(body: object) -> DevicePage:
    """Read the reply of Device Details: a list, a list under `devices`, or a single device.

    The reply's outer shape is not documented. Raises Unconfirmed for any other shape.
    """
    rows: object = body
    if isinstance(body, dict):
        rows = [body] if "device_id" in body else body.get("devices")
    found = _check_rows(rows, "The vendor's answer is not a list of devices.")
    devices = _read_rows(found)
    return DevicePage(devices, dropped=len(found) - len(devices))


def read_changes(body: object) -> ChangePage:
    """Read one page of Status Change v3.0: `monitored_devices` and `deleted_devices`.

    An entry of the second list may be an id or an object with one: its form is not documented.
    Raises Unconfirmed for any other shape, so that a malformed answer does not mean "no change".
    """
    if not isinstance(body, dict) or not ("monitored_devices" in body or "deleted_devices" in body):
        raise Unconfirmed("The vendor's answer is not a page of changes.")
    changed, deleted = (body.get(name) or [] for name in ("monitored_devices", "deleted_devices"))
    for part in (changed, deleted):
        _check_rows(part, "The vendor's page of changes contains no lists.")
    ids = [row.get("device_id") if isinstance(row, dict) else row for row in deleted]
    names = [name for name in map(read_name, ids) if name]
    records = _read_rows(changed)
    rows = len(changed) + len(deleted)
    return ChangePage(records, tuple(dict.fromkeys(names)), rows, rows - len(records) - len(names))


def read_groups(body: object) -> GroupPage:
    """Read one page of Get Groups, a list at top level or under `groups`.

    Null, an empty object and a null list are an empty list (*assumed*): devices are read whether
    there are groups or not. Raises Unconfirmed for any other shape; rows without a usable id are
    dropped and counted.
    """
    if body is None or body == {}:
        return GroupPage()
    rows: object = body
    if isinstance(body, dict) and "groups" in body:
        rows = body["groups"] if body["groups"] is not None else []
    found = _check_rows(rows, "The vendor's answer is not a list of groups.")
    groups = []
    for row in found:
        vendor_id = read_name(row.get("group_id")) if isinstance(row, dict) else ""
        if isinstance(row, dict) and vendor_id:
            name, count = row.get("group_name"), row.get("number_of_devices")
            groups.append(GroupRecord(vendor_id, read_text(name), read_count(count)))
    return GroupPage(tuple(groups), len(found), len(found) - len(groups))


def _check_rows(rows: object, reason: str) -> list[object]:
    """Return the rows of an answer; raises Unconfirmed for anything else, or for too many."""
    if not isinstance(rows, list):
        raise Unconfirmed(reason)
    if len(rows) > MAX_ROWS:
        raise Unconfirmed(f"The vendor's answer has {len(rows):,} rows, at most 50 were asked for.")
    return rows


def _read_rows(rows: list[object]) -> tuple[DeviceRecord, ...]:
    read = (_read_device(row) for row in rows)
    return tuple(record for record in read if record is not None)


def _read_device(row: object) -> DeviceRecord | None:
    vendor_id = read_name(row.get("device_id")) if isinstance(row, dict) else ""
    if not isinstance(row, dict) or not vendor_id:
        return None
    system, issues = _part(row, "os_info"), _part(row, "issue")
    return DeviceRecord(
        vendor_id=vendor_id,
        name=read_text(row.get("device_name")),
        host_name=read_text(row.get("host_name")),
        nickname=read_text(row.get("nickname")) or read_text(row.get("nick_name")),
        status=_read_keyword(row.get("status")),
        severity=_read_keyword(row.get("severity")),
        device_type=_read_keyword(row.get("device_type")),
        os_family=read_text(system.get("family")),
        os_name=read_text(system.get("name")),
        os_version=read_text(system.get("version")),
        agent_type=_read_keyword(row.get("agent_type")),
        agent_version=read_text(row.get("agent_version")),
        group_name=read_text(row.get("group_name")),
        public_ip=read_ip(row.get("public_ip")),
        ip=first_ip(row.get("network_info")),
        macs=read_macs(row.get("network_info")),
        user_name=_read_user(row),
        enrolled_at=read_datetime(row.get("enrolled_at")),
        last_seen=read_datetime(row.get("last_seen")),
        last_reboot=read_datetime(row.get("last_reboot")),
        total_issues=_read_issues(issues, "total_issue", "total_issues"),
        critical_issues=_read_issues(
            issues, "total_critical_issue", "total_critical", "total_critical_issues"
        ),
        warning_issues=_read_issues(
            issues, "total_warning_issue", "total_warning", "total_warning_issues"
        ),
        reported=frozenset(
            name for name, keys in _SOURCES.items() if any(row.get(key) is not None for key in keys)
        ),
        raw=row,
    )


def _part(row: dict[str, object], name: str) -> dict[str, object]:
    part = row.get(name)
    return part if isinstance(part, dict) else {}


def _read_keyword(value: object) -> str:
    """Return a keyword of the vendor, with underscores: it writes non-compliant as well."""
    # Cut once more: a text may be longer in lower case.
    return read_text(value).lower().replace("-", "_").replace(" ", "_")[:MAX_TEXT]


def _read_user(row: dict[str, object]) -> str:
    for name in ("user_info", "link_user"):
        user = read_text(_part(row, name).get("username"))
        if user:
            return user
    return read_text(row.get("user_identity"))


def _read_issues(issues: dict[str, object], *spellings: str) -> int | None:
    """Return the first count found: three spellings are known."""
    counts = (read_count(issues.get(spelling)) for spelling in spellings)
    return next((count for count in counts if count is not None), None)


def _read_cursor(value: object) -> str | None:
    """Return the cursor of the next page, unchanged; raises Unconfirmed if it is unusable."""
    if value is None or value is False or value == "":
        return None
    token = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(token, str) or len(token) > _MAX_CURSOR:
        raise Unconfirmed("The vendor's token for the next page cannot be used.")
    if clean_text(token, _MAX_CURSOR) != token:
        raise Unconfirmed("The vendor's token for the next page contains control characters.")
    if REPLACEMENT in token:
        raise Unconfirmed("The vendor's token for the next page cannot be decoded.")
    return token
