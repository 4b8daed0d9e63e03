"""The devices that a query selects; `actions.devices.query` says which filters there are."""

from collections.abc import Callable
from datetime import datetime, time

from django.db import connection, transaction
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils.timezone import make_aware, now

from actions import json_rows
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.devices.query import (
    DeviceQuery,
    parse_day,
    parse_device_query,
    parse_excluded,
    parse_span,
    raise_for_problems,
)
from actions.devices.search import match_search
from actions.inventory.models import Device
from actions.inventory.versions import version_key

EXEMPTED = "exempted"

MAX_COMMANDS_READ = 5000
"""Commands from which on a subquery for each listed device is faster than reading them all."""

MAX_INDEXED_BYTES = 2000
"""Bytes from which on PostgreSQL's index does not hold a text."""

MAX_OFFERED_VALUES = 300
"""Values that a filter offers; an address may contain others."""

FILTER_COLUMNS = {
    "status": ("status",),
    "severity": ("severity",),
    "type": ("device_type",),
    "system": ("os_family", "os_name"),
    "agent": ("agent_type",),
    "group": ("group_name",),
}
"""The columns behind each filter that takes the vendor's own values."""


def matching(text: str) -> QuerySet[Device]:
    """Return the devices that currently match the query of a list's address.

    Devices that the query of a selection excludes by key are left out. Raises Refused for a query
    with problems.
    """
    query = parse_device_query(text)
    raise_for_problems(query)
    excluded = parse_excluded(text)
    devices = filter_devices(query)
    return devices.exclude(pk__in=json_rows.keys(excluded)) if excluded else devices


def filter_devices(query: DeviceQuery) -> QuerySet[Device]:
    """Return the devices that match a query without problems."""
    devices = Device.objects.all()
    gone = query.one("gone")
    if gone != "all":
        devices = devices.filter(gone_at__isnull=gone != "only")
    if search := query.one("q"):
        devices = devices.filter(match_search(search))
    for key, condition in _CONDITIONS.items():
        if values := query.of(key):
            devices = devices.filter(condition(values))
    if query.of("request"):
        devices = devices.filter(pk__in=_of_request(query))
    return devices


def count_devices(query: DeviceQuery) -> int:
    """Count the devices that match a query without problems, exactly.

    Where no trigram helps, PostgreSQL can count the hits of a search from an index that holds the
    texts alone. Its planner does not choose that index, because it assumes the random reads of a
    spinning disk; a lower `random_page_cost` makes it do so.
    """
    devices = filter_devices(query)
    if connection.vendor != "postgresql" or not query.one("q"):
        return devices.count()
    size = Func(F("search_text"), function="octet_length", output_field=IntegerField())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        indexed = LessThan(size, MAX_INDEXED_BYTES)
        not_indexed = GreaterThanOrEqual(size, MAX_INDEXED_BYTES)
        return devices.filter(indexed).count() + devices.filter(not_indexed).count()


def offered_values() -> dict[str, list[str]]:
    """Return the values that listed devices have, for each filter of the vendor's own values.

    One query looks up each next value in the column's index (a loose index scan), so its cost does
    not depend on the size of the fleet.
    """
    names = [name for columns in FILTER_COLUMNS.values() for name in columns]
    first = ", ".join(f"('{name}', '', 0)" for name in names)
    next_value = " ".join(
        f"WHEN '{name}' THEN (SELECT min({name}) FROM actions_device "  # noqa: S608  # Own names.
        f"WHERE {name} > value AND gone_at IS NULL)"
        for name in names
    )
    scan = (
        f"WITH RECURSIVE found(name, value, number) AS (VALUES {first} UNION ALL "  # noqa: S608
        f"SELECT name, CASE name {next_value} END, number + 1 FROM found "
        f"WHERE value IS NOT NULL AND number < {MAX_OFFERED_VALUES}) "
        "SELECT name, value FROM found WHERE value <> ''"
    )
    with connection.cursor() as cursor:
        cursor.execute(scan)
        rows = cursor.fetchall()
    return {
        key: [value for column in columns for name, value in rows if name == column]
        for key, columns in FILTER_COLUMNS.items()
    }


def _one_of(key: str) -> Callable[[tuple[str, ...]], Q]:
    def condition(values: tuple[str, ...]) -> Q:
        any_column = Q()
        for column in FILTER_COLUMNS[key]:
            any_column |= Q(**{f"{column}__in": values})
        return any_column

    return condition


def _version_from(values: tuple[str, ...]) -> Q:
    return Q(agent_version_key__gte=version_key(values[0]))


def _version_to(values: tuple[str, ...]) -> Q:
    upper = version_key(values[0], fill="9")
    return Q(agent_version_key__lte=upper, agent_version_key__gt="")


def _enrolled_from(values: tuple[str, ...]) -> Q:
    return Q(enrolled_at__gte=_at(values[0], time.min))


def _enrolled_to(values: tuple[str, ...]) -> Q:
    # Not the next midnight: the last day that a datetime can hold has none.
    return Q(enrolled_at__lte=_at(values[0], time.max))


def _at(text: str, moment: time) -> datetime:
    day = parse_day(text)
    assert day is not None  # noqa: S101  # The query was checked.
    return make_aware(datetime.combine(day, moment))


def _seen(values: tuple[str, ...]) -> Q:
    any_value = Q()
    for value in values:
        if span := parse_span(value):
            longer_ago, length = span
            since = now() - length
            any_value |= Q(last_seen__lt=since) if longer_ago else Q(last_seen__gte=since)
        else:
            any_value |= Q(last_seen=None)
    return any_value


def _acted(values: tuple[str, ...]) -> Q:
    """Match devices with a command within the longest of these spans.

    A few commands are all read at once; if there are many, each listed device's own are looked up.
    """
    since = now() - max(span[1] for span in map(parse_span, values) if span)
    recent = ActionRequest.objects.filter(created_at__gte=since)
    sizes = list(recent.values_list("pk", "device_count")[: MAX_COMMANDS_READ + 1])
    if sum(count for _, count in sizes) <= MAX_COMMANDS_READ:
        # By key: PostgreSQL overestimates the rows of a nested subquery.
        commands = DeviceCommand.objects.filter(request__in=[key for key, _ in sizes])
        return Q(pk__in=commands.filter(device__isnull=False).values("device"))
    own = DeviceCommand.objects.filter(created_at__gte=since, device_key=OuterRef("vendor_id"))
    return Q(Exists(own))


def _exemption(values: tuple[str, ...]) -> Q:
    is_exempted = Q(status=EXEMPTED)
    conditions = {"now": is_exempted, "none": ~is_exempted}
    any_value = Q()
    for value in values:
        any_value |= conditions[value]
    return any_value


def _of_request(query: DeviceQuery) -> QuerySet[DeviceCommand, int | None]:
    commands = DeviceCommand.objects.filter(request__uuid=query.one("request"))
    if outcomes := query.of("outcome"):
        commands = commands.filter(status__in=outcomes)
    return commands.filter(device__isnull=False).values_list("device", flat=True)


_CONDITIONS: dict[str, Callable[[tuple[str, ...]], Q]] = {
    **{key: _one_of(key) for key in FILTER_COLUMNS},
    "version_from": _version_from,
    "version_to": _version_to,
    "seen": _seen,
    "enrolled_from": _enrolled_from,
    "enrolled_to": _enrolled_to,
    "exemption": _exemption,
    "acted": _acted,
}
