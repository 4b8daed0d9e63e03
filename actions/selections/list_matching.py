"""What the lines of a pasted or uploaded list mean in the inventory."""

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

GUESSED_BY = 100
"""Lines by which the column of the devices is guessed."""

_LOWER_ASCII = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Line(NamedTuple):
    """What became of one line: its bucket, the key of its device if it has one, and why."""

    number: int
    text: str
    bucket: str
    device: int | None = None
    why: str = ""


_Hit = tuple[int | None, int | None]
"""The first and the last listed device that something names; None where all of them are gone."""


def own_list(token: UUID, user_id: int) -> UploadedList | None:
    """A person's own list; nobody sees another's."""
    return UploadedList.objects.filter(uuid=token, user_id=user_id).first()


def rows_of(picked: UploadedList) -> list[Row]:
    """The lines of a list as they were read."""
    return [Row(number, cells) for number, *cells in json.loads(picked.content)]


def column_of(rows: Sequence[Row], column: int) -> list[tuple[int, str]]:
    """One column of a list: the number and the text of each line that has something there."""
    cells = ((row.number, row.cells[column]) for row in rows if column < len(row.cells))
    return [(number, text) for number, text in cells if text]


def guess_column(rows: Sequence[Row]) -> tuple[int, bool]:
    """The column that names most devices, and whether the first line looks like a heading."""
    first = rows[: GUESSED_BY + 1]
    columns = [column_of(first, place) for place in range(max(len(row.cells) for row in first))]
    texts = [text for column in columns for _, text in column if not why_malformed(text)]
    found = _find(texts, {text: mac for text in texts if (mac := normalise_mac(text))})
    heads = [text.lower() in HEADINGS for text in rows[0].cells] + [False] * len(columns)

    def worth(place: int) -> tuple[int, bool, int]:
        hits = sum(text in found for _, text in columns[place])
        return hits, heads[place], -place

    best = max(range(len(columns)), key=worth)
    return best, len(rows) > 1 and heads[best]


def look_up(entries: Sequence[tuple[int, str]]) -> list[Line]:
    """Each line in exactly one bucket; the same device or text again is a duplicate."""
    flaws = {text: why for _, text in entries if (why := why_malformed(text))}
    texts = dict.fromkeys(text for _, text in entries if text not in flaws)
    macs = {text: mac for text in texts if (mac := normalise_mac(text))}
    found = _find(texts, macs)
    earlier: dict[str | int, int] = {}
    lines = []
    for number, text in entries:
        if text in flaws:
            lines.append(Line(number, text, "malformed", why=flaws[text]))
            continue
        line = _match_line(number, text, found.get(text), is_mac=text in macs)
        first = earlier.setdefault(macs.get(text, text), number)
        if first == number and line.device is not None:
            first = earlier.setdefault(line.device, number)
        if first != number and line.bucket != "malformed":
            line = Line(number, text, "duplicate", line.device, f"The same as line {first}.")
        lines.append(line)
    return lines


def labels(lines: Sequence[Line]) -> dict[int, str]:
    """What the devices of these lines are called, by key."""
    keys = sorted({line.device for line in lines if line.device is not None})
    devices = Device.objects.filter(pk__in=json_rows.keys(keys))
    named = devices.only("name", "nickname", "host_name", "vendor_id")
    return {device.pk: device.label for device in named}


def _match_line(number: int, text: str, hit: _Hit | None, *, is_mac: bool) -> Line:
    if hit is None:
        if is_like_mac(text) and not is_mac:
            return Line(number, text, "malformed", why="Not a whole MAC address.")
        return Line(number, text, "unknown", why="Not in the inventory.")
    first, last = hit
    if first is None:
        return Line(number, text, "unknown", why="No longer listed by the vendor.")
    if first != last:
        return Line(number, text, "ambiguous", why="Names several devices.")
    return Line(number, text, "matched", first)


def _find(texts: Iterable[str], macs: dict[str, str]) -> dict[str, _Hit]:
    """What each text names, as an id, a MAC or a name; texts that name nothing are left out."""
    fold = _fold()
    same = {text: text for text in texts}
    folded = {text: fold(text) for text in same}
    named = [Device.objects.annotate(key=Lower(name)) for name in ("name", "host_name", "nickname")]
    found: dict[str, _Hit] = {}
    for wanted, sources in (
        (same, [Device.objects.annotate(key=F("vendor_id"))]),
        (macs, [DeviceMac.objects.annotate(key=F("mac"))]),
        (folded, named),
    ):
        keys = json_rows.texts(list(set(wanted.values())))
        for source in sources if wanted else ():
            known = _hits(source.filter(key__in=keys))
            for text, key in wanted.items() if known else ():
                if hit := known.get(key):
                    found[text] = _both(found[text], hit) if text in found else hit
    return found


def _both(one: _Hit, other: _Hit) -> _Hit:
    """What two names name together."""
    keys = [key for key in (*one, *other) if key is not None]
    return min(keys, default=None), max(keys, default=None)


def _hits(rows: QuerySet[Any]) -> dict[str, _Hit]:
    """What these devices, or MACs of devices, are named by: one hit for each `key`."""
    device, gone = (
        ("device_id", "device__gone_at") if rows.model is DeviceMac else ("pk", "gone_at")
    )
    listed = Q(**{gone: None})
    ends = {"first": Min(device, filter=listed), "last": Max(device, filter=listed)}
    found = rows.values("key").annotate(**ends).order_by().values_list("key", "first", "last")
    return {key: (first, last) for key, first, last in found}


def _fold() -> Callable[[str], str]:
    """Lower case as this database makes it: SQLite knows only that of ASCII."""
    if connection.vendor == "sqlite":
        return lambda text: text.lower() if text.isascii() else text.translate(_LOWER_ASCII)
    return str.lower
