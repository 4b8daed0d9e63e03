"""Which devices a query means; see `actions.queries` for what can be asked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.db.models.sql.compiler import SQLCompiler
from django.utils.timezone import make_aware, now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.devices.query import (
    DeviceQuery,
    parse_day,
    parse_device_query,
    parse_excluded,
    parse_span,
    refuse,
)
from actions.inventory.models import Device
from actions.inventory.versions import version_key
from actions.macs import part_of_mac

EXEMPTED = "exempted"
SHORTEST = 3
"""Characters of a word that an index of trigrams can find; shorter ones are read row by row."""

MAX_WORDS = 20
MANY = 5000
"""Commands from which on it is quicker to ask of each device as the list is walked."""

LONG = 2000
"""Bytes from which on a text is not kept in an index of PostgreSQL."""

FREQUENT = 2000
"""Devices from which on reading their texts is quicker than what SQLite's trigrams find."""

MAX_CHOICES = 300
"""Values that are offered of one filter; others can still be asked for by address."""

COLUMNS = {
    "status": ("status",),
    "severity": ("severity",),
    "type": ("device_type",),
    "system": ("os_family", "os_name"),
    "agent": ("agent_type",),
    "group": ("group_name",),
}


def matching(query: str) -> QuerySet[Device]:
    """The devices that the query of a list's address asks for, at this moment.

    Those that somebody has unticked are left out, if the query of a selection names them. Raises
    Refused for a query that cannot be understood.
    """
    asked = parse_device_query(query)
    refuse(asked)
    unticked = parse_excluded(query)
    found = filter_devices(asked)
    return found.exclude(pk__in=unticked) if unticked else found


def filter_devices(query: DeviceQuery) -> QuerySet[Device]:
    """The devices that a query without problems asks for."""
    devices = Device.objects.all()
    gone = query.one("gone")
    if gone != "all":
        devices = devices.filter(gone_at__isnull=gone != "only")
    if search := query.one("q"):
        devices = devices.filter(match_search(search))
    for key, make in _CONDITIONS.items():
        if values := query.of(key):
            devices = devices.filter(make(values))
    if query.of("request"):
        devices = devices.filter(pk__in=_of_request(query))
    return devices


def count(query: DeviceQuery) -> int:
    """How many devices a query without problems asks for, exactly.

    PostgreSQL counts what a search finds from an index that has the texts alone, where no trigram
    helps; it would not choose that by itself, because it reckons with the pace of a turning disk.
    """
    found = filter_devices(query)
    if connection.vendor != "postgresql" or not query.one("q"):
        return found.count()
    size = Func(F("search_text"), function="octet_length", output_field=IntegerField())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        kept, long = LessThan(size, LONG), GreaterThanOrEqual(size, LONG)
        return found.filter(kept).count() + found.filter(long).count()


def choices() -> dict[str, list[str]]:
    """The words that the listed devices have, for each filter by words; one query.

    Each next word is looked up in its index, so that the size of the fleet does not matter.
    """
    names = [name for columns in COLUMNS.values() for name in columns]
    begin = ", ".join(f"('{name}', '', 0)" for name in names)
    next_word = " ".join(
        f"WHEN '{name}' THEN (SELECT min({name}) FROM actions_device "  # noqa: S608  # Own names.
        f"WHERE {name} > word AND gone_at IS NULL)"
        for name in names
    )
    walk = (
        f"WITH RECURSIVE words(name, word, place) AS (VALUES {begin} UNION ALL "  # noqa: S608
        f"SELECT name, CASE name {next_word} END, place + 1 FROM words "
        f"WHERE word IS NOT NULL AND place < {MAX_CHOICES}) "
        "SELECT name, word FROM words WHERE word <> ''"
    )
    with connection.cursor() as cursor:
        cursor.execute(walk)
        rows = cursor.fetchall()
    return {
        key: [word for column in columns for name, word in rows if name == column]
        for key, columns in COLUMNS.items()
    }


class _Indexed(Func):
    """Whether the trigrams' table of SQLite finds a device by an expression of FTS5."""

    output_field = BooleanField()

    def as_sql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> tuple[str, Any]:  # type: ignore[override]
        """The condition, with the expression as its parameter."""
        key, expression = map(compiler.compile, self.get_source_expressions())
        table = "actions_device_search"
        sql = f"{key[0]} IN (SELECT rowid FROM {table} WHERE {table} MATCH {expression[0]})"  # noqa: S608
        return sql, [*key[1], *expression[1]]


def match_search(search: str) -> Q:
    """All words of a search stand in what names the device; an address in any notation.

    On SQLite an index of trigrams finds words that few devices have. Words that many have are read
    text by text: a page is full long before the trigrams would have told all that they found, and
    an index has the texts beside one another for who counts. PostgreSQL weighs that by itself.
    """
    words = [_notations(word) for word in search.lower().split()[:MAX_WORDS]]
    long = [word for word in words if min(map(len, word)) >= SHORTEST]
    wanted = Q()
    if connection.vendor == "sqlite" and long:
        quoted = [[f'"{text.replace(chr(34), chr(34) * 2)}"' for text in word] for word in long]
        expression = " AND ".join(f"({' OR '.join(texts)})" for texts in quoted)
        if _is_selective(expression):
            wanted &= Q(_Indexed(F("pk"), Value(expression)))
            words = [word for word in words if word not in long]
    for word in words:
        either = Q()
        for text in word:
            either |= Q(search_text__contains=text)
        wanted &= either
    return wanted


def _is_selective(expression: str) -> bool:
    """Whether the index of SQLite finds at most so many devices that it is worth asking all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT rowid FROM actions_device_search "
            "WHERE actions_device_search MATCH %s LIMIT %s)",
            [expression, FREQUENT],
        )
        return bool(cursor.fetchone()[0] < FREQUENT)


def _notations(word: str) -> tuple[str, ...]:
    """A word as it was written, and if it is (a part of) a MAC also as we keep that."""
    mac = part_of_mac(word)
    return tuple(dict.fromkeys((word, mac.lower()))) if mac else (word,)


def _one_of(key: str) -> Callable[[tuple[str, ...]], Q]:
    def condition(values: tuple[str, ...]) -> Q:
        wanted = Q()
        for column in COLUMNS[key]:
            wanted |= Q(**{f"{column}__in": values})
        return wanted

    return condition


def _version_from(values: tuple[str, ...]) -> Q:
    return Q(agent_version_key__gte=version_key(values[0]))


def _version_to(values: tuple[str, ...]) -> Q:
    upper = version_key(values[0], fill="9")
    return Q(agent_version_key__lte=upper, agent_version_key__gt="")


def _enrolled_from(values: tuple[str, ...]) -> Q:
    return Q(enrolled_at__gte=_midnight(values[0]))


def _enrolled_to(values: tuple[str, ...]) -> Q:
    return Q(enrolled_at__lt=_midnight(values[0]) + timedelta(days=1))


def _midnight(text: str) -> datetime:
    day = parse_day(text)
    assert day is not None  # noqa: S101  # The query was checked.
    return make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001


def _seen(values: tuple[str, ...]) -> Q:
    wanted = Q()
    for value in values:
        if span := parse_span(value):
            is_over, time = span
            moment = now() - time
            wanted |= Q(last_seen__lt=moment) if is_over else Q(last_seen__gte=moment)
        else:
            wanted |= Q(last_seen=None)
    return wanted


def _acted(values: tuple[str, ...]) -> Q:
    """Something was asked for the device within the longest of these times.

    Few commands are read once; of many, each device's own are looked up as the list is walked.
    """
    since = now() - max(span[1] for span in map(parse_span, values) if span)
    wishes = ActionRequest.objects.filter(created_at__gte=since)
    few = list(wishes.values_list("pk", "device_count")[: MANY + 1])
    if sum(count for _, count in few) <= MANY:
        # By their keys, because of a query within a query PostgreSQL expects too much.
        commands = DeviceCommand.objects.filter(request__in=[key for key, _ in few])
        return Q(pk__in=commands.filter(device__isnull=False).values("device"))
    lately = DeviceCommand.objects.filter(created_at__gte=since, device_key=OuterRef("vendor_id"))
    return Q(Exists(lately))


def _exemption(values: tuple[str, ...]) -> Q:
    is_now = Q(status=EXEMPTED)
    meanings = {"now": is_now, "none": ~is_now}
    wanted = Q()
    for value in values:
        wanted |= meanings[value]
    return wanted


def _of_request(query: DeviceQuery) -> QuerySet[DeviceCommand, int | None]:
    commands = DeviceCommand.objects.filter(request__uuid=query.one("request"))
    if outcomes := query.of("outcome"):
        commands = commands.filter(status__in=outcomes)
    return commands.filter(device__isnull=False).values_list("device", flat=True)


_CONDITIONS: dict[str, Callable[[tuple[str, ...]], Q]] = {
    **{key: _one_of(key) for key in COLUMNS},
    "version_from": _version_from,
    "version_to": _version_to,
    "seen": _seen,
    "enrolled_from": _enrolled_from,
    "enrolled_to": _enrolled_to,
    "exemption": _exemption,
    "acted": _acted,
}
