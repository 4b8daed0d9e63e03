"""Keyset pagination of devices, in order of any column.

A page starts at the cursor where its neighbour ends; rows are never counted from the start, so the
last page costs as much as the first. The order by a nullable column has two segments: the rows
with a value in their order, then the rows without one, for both directions of sorting.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import CharField, F, Func, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.dateparse import parse_datetime

from actions.inventory.models import Device

SORTS = {
    "name": "name",
    "host": "host_name",
    "nickname": "nickname",
    "status": "status",
    "severity": "severity",
    "type": "device_type",
    "system": "os_name",
    "agent": "agent_version_key",
    "group": "group_name",
    "user": "user_name",
    "address": "ip",
    "public": "public_ip",
    "mac": "mac",
    "enrolled": "enrolled_at",
    "seen": "last_seen",
    "reboot": "last_reboot",
    "read": "read_at",
}
"""The columns by which the list can be sorted, by their names in the address."""

_DATETIMES = frozenset({"enrolled_at", "last_seen", "last_reboot", "read_at"})
_NULLABLE = _DATETIMES - {"read_at"}


@dataclass(frozen=True, slots=True)
class Order:
    """The column to sort by, and the direction; rows with equal values are ordered by key."""

    column: str = "name"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """The start or end of a page: the key of a row and its value in the sorted column."""

    key: int
    value: str | datetime | None

    def __str__(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return str(self.key) if value is None else f"{self.key}:{value}"


@dataclass(frozen=True, slots=True)
class DevicePage:
    """A page of devices, and whether there are pages before and after it."""

    devices: list[Device]
    order: Order
    has_previous: bool = False
    has_next: bool = False

    @property
    def start(self) -> Cursor:
        """The cursor of the first row: the previous page ends before it."""
        return cursor_for(self.devices[0], self.order)

    @property
    def end(self) -> Cursor:
        """The cursor of the last row: the next page starts after it."""
        return cursor_for(self.devices[-1], self.order)


def parse_order(text: str) -> Order | None:
    """Return the order that an address names, such as "name" or "-seen"; None if unknown."""
    column = SORTS.get(text.removeprefix("-"))
    return Order(column, text.startswith("-")) if column else None


def parse_cursor(text: str, order: Order) -> Cursor | None:
    """Return the cursor that an address names, or None if it is not one of this order."""
    key, colon, value = text.partition(":")
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    if not colon:
        return Cursor(int(key), None) if order.column in _NULLABLE else None
    if order.column not in _DATETIMES:
        return Cursor(int(key), value) if _is_storable(value) else None
    try:
        at = parse_datetime(value)
        # In UTC, as PostgreSQL takes no offset of 16 hours or more, and the year may overflow.
        return Cursor(int(key), at.astimezone(UTC)) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _is_storable(text: str) -> bool:
    """Return whether both databases take the text: without NUL and lone surrogates."""
    return text == text.replace("\x00", "").encode(errors="ignore").decode()


def cursor_for(device: Device, order: Order) -> Cursor:
    """Return the position of a device in this order."""
    return Cursor(device.pk, getattr(device, order.column))


def first_page(devices: QuerySet[Device], order: Order, size: int) -> DevicePage:
    """Return the first page."""
    return page_after(devices, order, size, None)


def page_after(
    devices: QuerySet[Device], order: Order, size: int, cursor: Cursor | None
) -> DevicePage:
    """Return the page after the cursor, or the first page if there is no cursor."""
    rows = _read(devices, order, cursor, size + 1)
    return DevicePage(rows[:size], order, cursor is not None, len(rows) > size)


def page_before(
    devices: QuerySet[Device], order: Order, size: int, cursor: Cursor | None
) -> DevicePage:
    """Return the page before the cursor, or the last page if there is no cursor.

    If fewer than a page of rows stand before the cursor, return the first page, so that it is
    full.
    """
    rows = _read(devices, order, cursor, size + 1, backward=True)
    if cursor is not None and len(rows) <= size:
        return first_page(devices, order, size)
    return DevicePage(rows[:size][::-1], order, len(rows) > size, cursor is not None)


def all_of(devices: QuerySet[Device], order: Order, size: int = 1000) -> Iterator[Device]:
    """Yield all devices in order.

    They are read `size` at a time, so that neither memory nor a database cursor is held.
    """
    cursor: Cursor | None = None
    while True:
        rows = _read(devices, order, cursor, size)
        yield from rows
        if len(rows) < size:
            return
        cursor = cursor_for(rows[-1], order)


class _RowValue(Func):
    """An SQL row value (a, b): two are compared by one index on both columns."""

    function = ""
    output_field = CharField()


def _read(
    devices: QuerySet[Device],
    order: Order,
    cursor: Cursor | None,
    limit: int,
    *,
    backward: bool = False,
) -> list[Device]:
    """Return up to `limit` rows after the cursor, or before it, nearest first."""
    segments = [(False, order.descending)]
    if order.column in _NULLABLE:
        segments.append((True, False))
    if backward:
        segments = [(is_null, not descending) for is_null, descending in reversed(segments)]
    if cursor is not None and order.column in _NULLABLE:
        current = [is_null for is_null, _ in segments].index(cursor.value is None)
        segments = segments[current:]
    rows: list[Device] = []
    for is_null, descending in segments:
        found = _segment(
            devices, order.column, is_null=is_null, descending=descending, cursor=cursor
        )
        rows += found[: limit - len(rows)]
        cursor = None
        if len(rows) >= limit:
            break
    return rows


def _segment(
    devices: QuerySet[Device],
    column: str,
    *,
    is_null: bool,
    descending: bool,
    cursor: Cursor | None,
) -> QuerySet[Device]:
    names = ["pk"] if is_null else [column, "pk"]
    if column in _NULLABLE:
        devices = devices.filter(**{f"{column}__isnull": is_null})
    if cursor is not None:
        values: list[Any] = [cursor.key] if is_null else [cursor.value, cursor.key]
        beyond = LessThan if descending else GreaterThan
        devices = devices.filter(beyond(_RowValue(*map(F, names)), _RowValue(*map(Value, values))))
    ordered = devices.order_by(*(f"-{name}" if descending else name for name in names))
    return ordered.defer("search_text")
