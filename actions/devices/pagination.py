"""Pages of devices in order of any column, each found by where the one beside it ends.

No page is found by counting rows from the start, so the last one costs as much as the first. A
column that may be empty is two lists behind one another: the rows with a value in its order, then
those without, whichever way the list is sorted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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
"""What a list can be sorted by, as the address says it, and the column behind it."""

_MOMENTS = frozenset({"enrolled_at", "last_seen", "last_reboot", "read_at"})
_NULLABLE = _MOMENTS - {"read_at"}


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and whether the highest value comes first; ties go by key."""

    column: str = "name"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins or ends: a row's key, and its value in the column of the order."""

    key: int
    value: str | datetime | None

    def __str__(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return str(self.key) if value is None else f"{self.key}:{value}"


@dataclass(frozen=True, slots=True)
class DevicePage:
    """A page of devices, and whether others stand before and after it."""

    devices: list[Device]
    order: Order
    has_previous: bool = False
    has_next: bool = False

    @property
    def start(self) -> Cursor:
        """Where the page before it ends."""
        return cursor_for(self.devices[0], self.order)

    @property
    def end(self) -> Cursor:
        """Where the page after it begins."""
        return cursor_for(self.devices[-1], self.order)


def parse_order(text: str) -> Order | None:
    """The order that an address names, such as "name" or "-seen"; None for any other word."""
    column = SORTS.get(text.removeprefix("-"))
    return Order(column, text.startswith("-")) if column else None


def parse_cursor(text: str, order: Order) -> Cursor | None:
    """The place that an address names, None if it names none in this order."""
    key, colon, value = text.partition(":")
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    if not colon:
        return Cursor(int(key), None) if order.column in _NULLABLE else None
    if order.column not in _MOMENTS:
        return Cursor(int(key), value)
    try:
        moment = parse_datetime(value)
    except ValueError:
        return None
    return Cursor(int(key), moment) if moment and moment.tzinfo else None


def cursor_for(device: Device, order: Order) -> Cursor:
    """Where a device stands in this order."""
    return Cursor(device.pk, getattr(device, order.column))


def first_page(devices: QuerySet[Device], order: Order, size: int) -> DevicePage:
    """The page with which the list begins."""
    return page_after(devices, order, size, None)


def page_after(
    devices: QuerySet[Device], order: Order, size: int, place: Cursor | None
) -> DevicePage:
    """The page that follows this place."""
    found = _walk(devices, order, place, size + 1)
    return DevicePage(found[:size], order, place is not None, len(found) > size)


def page_before(
    devices: QuerySet[Device], order: Order, size: int, place: Cursor | None
) -> DevicePage:
    """The page that ends before this place, or the last one of the list.

    A page that would begin before the list's begin is the first one, so that it is full.
    """
    found = _walk(devices, order, place, size + 1, back=True)
    if place is not None and len(found) <= size:
        return first_page(devices, order, size)
    return DevicePage(found[:size][::-1], order, len(found) > size, place is not None)


def all_of(devices: QuerySet[Device], order: Order, size: int = 1000) -> Iterator[Device]:
    """All devices in order, read in parts, so that neither memory nor a cursor is held."""
    place: Cursor | None = None
    while True:
        found = _walk(devices, order, place, size)
        yield from found
        if len(found) < size:
            return
        place = cursor_for(found[-1], order)


class _Row(Func):
    """(a, b): compared as one, value by value, which an index on both answers from any place."""

    function = ""
    output_field = CharField()


def _walk(
    devices: QuerySet[Device], order: Order, place: Cursor | None, count: int, *, back: bool = False
) -> list[Device]:
    """The next rows from a place, in the direction of walking."""
    parts = [(False, order.down)]
    if order.column in _NULLABLE:
        parts.append((True, False))
    if back:
        parts = [(is_empty, not down) for is_empty, down in reversed(parts)]
    if place is not None and order.column in _NULLABLE:
        parts = parts[[is_empty for is_empty, _ in parts].index(place.value is None) :]
    rows: list[Device] = []
    for is_empty, down in parts:
        found = _part(devices, order.column, is_empty=is_empty, down=down, place=place)
        rows += found[: count - len(rows)]
        place = None
        if len(rows) >= count:
            break
    return rows


def _part(
    devices: QuerySet[Device], column: str, *, is_empty: bool, down: bool, place: Cursor | None
) -> QuerySet[Device]:
    names = ["pk"] if is_empty else [column, "pk"]
    if column in _NULLABLE:
        devices = devices.filter(**{f"{column}__isnull": is_empty})
    if place is not None:
        values: list[Any] = [place.key] if is_empty else [place.value, place.key]
        beyond = LessThan if down else GreaterThan
        devices = devices.filter(beyond(_Row(*map(F, names)), _Row(*map(Value, values))))
    ordered = devices.order_by(*(f"-{name}" if down else name for name in names))
    return ordered.defer("search_text")
