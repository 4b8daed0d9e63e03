"""Match the lines of a pasted or uploaded list with the devices of the inventory."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import F, Max, Min, Q, QuerySet
from django.db.models.functions import Lower

from actions import json_rows
from actions.inventory.models import Device, DeviceMac
from actions.macs import normalise_mac
from actions.selections.list_parser import HEADINGS, Row, is_like_mac, why_malformed
from actions.selections.models import UploadedList

BUCKETS = ("matched", "unknown", "duplicate", "ambiguous", "malformed")

GUESS_LINES = 100
"""Lines that are read to guess the column of the devices."""

_LOWER_ASCII = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Line(NamedTuple):
    """The result for one line: its bucket, the key of its device if it has one, and the reason."""

    number: int
    text: str
    bucket: str
    device: int | None = None
    why: str = ""


_Hit = tuple[int | None, int | None]
"""The lowest and highest key of the listed devices with a name; None if all of them are gone."""


def own_list(token: UUID, user_id: int) -> UploadedList | None:
    """Return a person's own list; None for another person's."""
    return UploadedList.objects.filter(uuid=token, user_id=user_id).first()


def exists(token: UUID) -> bool:
    """Return whether any person has this list."""
    return UploadedList.objects.filter(uuid=token).exists()


def rows_of(uploaded: UploadedList) -> list[Row]:
    """Return the lines of a list as they were read."""
    return [Row(number, cells) for number, *cells in json.loads(uploaded.content)]


def column_of(rows: Sequence[Row], column: int) -> list[tuple[int, str]]:
    """Return one column of a list: number and text of each line that is not empty there."""
    cells = ((row.number, row.cells[column]) for row in rows if column < len(row.cells))
    return [(number, text) for number, text in cells if text]


def guess_column(rows: Sequence[Row]) -> tuple[int, bool]:
    """Return the column that matches most devices, and whether its first line is a heading."""
    first = rows[: GUESS_LINES + 1]
    columns = [column_of(first, index) for index in range(max(len(row.cells) for row in first))]
    texts = [text for column in columns for _, text in column if not why_malformed(text)]
    hits = _find(texts, {text: mac for text in texts if (mac := normalise_mac(text))})
    has_heading = [text.lower() in HEADINGS for text in rows[0].cells] + [False] * len(columns)

    def score(index: int) -> tuple[int, bool, int]:
        return sum(text in hits for _, text in columns[index]), has_heading[index], -index

    best = max(range(len(columns)), key=score)
    return best, len(rows) > 1 and has_heading[best]


def match_lines(entries: Sequence[tuple[int, str]]) -> list[Line]:
    """Put each line into exactly one bucket; a repeated device or text is a duplicate."""
    errors = {text: why for _, text in entries if (why := why_malformed(text))}
    texts = dict.fromkeys(text for _, text in entries if text not in errors)
    macs = {text: mac for text in texts if (mac := normalise_mac(text))}
    hits = _find(texts, macs)
    first_numbers: dict[str | int, int] = {}
    lines = []
    for number, text in entries:
        if text in errors:
            lines.append(Line(number, text, "malformed", why=errors[text]))
            continue
        line = _match_line(number, text, hits.get(text), is_mac=text in macs)
        first = first_numbers.setdefault(macs.get(text, text), number)
        if first == number and line.device is not None:
            first = first_numbers.setdefault(line.device, number)
        if first != number and line.bucket != "malformed":
            line = Line(number, text, "duplicate", line.device, f"The same as line {first}.")
        lines.append(line)
    return lines


def labels(lines: Sequence[Line]) -> dict[int, str]:
    """Return the labels of the devices of these lines, by key."""
    keys = sorted({line.device for line in lines if line.device is not None})
    devices = Device.objects.filter(pk__in=json_rows.keys(keys))
    named = devices.only("name", "nickname", "host_name", "vendor_id")
    return {device.pk: device.label for device in named}


def _match_line(number: int, text: str, hit: _Hit | None, *, is_mac: bool) -> Line:
    if hit is None:
        if is_like_mac(text) and not is_mac:
            return Line(number, text, "malformed", why="Not a complete MAC address.")
        return Line(number, text, "unknown", why="Not in the inventory.")
    first, last = hit
    if first is None:
        return Line(number, text, "unknown", why="No longer listed by the vendor.")
    if first != last:
        return Line(number, text, "ambiguous", why="Matches several devices.")
    return Line(number, text, "matched", first)


def _find(texts: Iterable[str], macs: dict[str, str]) -> dict[str, _Hit]:
    """Return the devices that each text matches, as an id, a MAC or a name; only texts with one."""
    fold = _fold()
    ids = {text: text for text in texts}
    folded = {text: fold(text) for text in ids}
    by_name = [
        Device.objects.annotate(key=Lower(name)) for name in ("name", "host_name", "nickname")
    ]
    hits: dict[str, _Hit] = {}
    for key_of, sources in (
        (ids, [Device.objects.annotate(key=F("vendor_id"))]),
        (macs, [DeviceMac.objects.annotate(key=F("mac"))]),
        (folded, by_name),
    ):
        keys = json_rows.texts(list(set(key_of.values())))
        for source in sources if key_of else ():
            known = _hits(source.filter(key__in=keys))
            for text, key in key_of.items() if known else ():
                if hit := known.get(key):
                    hits[text] = _combine(hits[text], hit) if text in hits else hit
    return hits


def _combine(one: _Hit, other: _Hit) -> _Hit:
    """Return the hit of the devices of both hits."""
    keys = [key for key in (*one, *other) if key is not None]
    return min(keys, default=None), max(keys, default=None)


def _hits(rows: QuerySet[Any]) -> dict[str, _Hit]:
    """Return one hit for each `key` of these devices or MACs of devices."""
    device, gone = (
        ("device_id", "device__gone_at") if rows.model is DeviceMac else ("pk", "gone_at")
    )
    listed = Q(**{gone: None})
    ends = {"first": Min(device, filter=listed), "last": Max(device, filter=listed)}
    found = rows.values("key").annotate(**ends).order_by().values_list("key", "first", "last")
    return {key: (first, last) for key, first, last in found}


def _fold() -> Callable[[str], str]:
    """Return a function that lowers a text as this database does: SQLite lowers ASCII only."""
    if connection.vendor == "sqlite":
        return lambda text: text.lower() if text.isascii() else text.translate(_LOWER_ASCII)
    return str.lower
