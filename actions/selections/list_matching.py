"""Match texts with the devices of the inventory: the one matcher of the page and the command."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Min, Q, QuerySet

from actions import json_rows
from actions.folding import fold
from actions.inventory.models import Device, DeviceMac
from actions.inventory.names import MAX_NAMED, NAME_KEYS, labels_of, name_key, names_several
from actions.macs import normalise_mac, why_no_mac
from actions.selections.list_parser import (
    HEADINGS,
    SAMPLE_LINES,
    Entry,
    Row,
    column_of,
    why_malformed,
)

BUCKETS = ("matched", "unknown", "duplicate", "ambiguous", "malformed")

BY_ALL = frozenset({"id", "mac", "name"})
"""What a text may be: an id, a MAC address or a name."""

_UNKNOWN = "Not in the inventory."
_BETWEEN = (re.compile(r"[;,|/\r\n\t]+"), re.compile(r"[;,|/\s]+"))
"""What may stand between the addresses of one cell; blanks may stand within an address."""


class Line(NamedTuple):
    """The result for one line: its bucket, the key of its device if it has one, and the reason."""

    number: int
    text: str
    bucket: str
    device: int | None = None
    why: str = ""


class Hit(NamedTuple):
    """The listed devices that a text names: at least the first and last key, and their number.

    There is none if all of them are gone.
    """

    keys: frozenset[int]
    devices: int


def guess_column(rows: Sequence[Row]) -> tuple[int, bool]:
    """Return the column that matches most devices, and whether its first line is a heading."""
    first = rows[: SAMPLE_LINES + 1]
    columns = [column_of(first, index) for index in range(max(len(row.cells) for row in first))]
    hits = known_texts({entry.text for column in columns for entry in column if not entry.why})
    heading = [fold(text) in HEADINGS and text not in hits for text in rows[0].cells]
    has_heading = heading + [False] * len(columns)

    def score(index: int) -> tuple[int, bool, int]:
        found = sum(entry.text in hits and not entry.why for entry in columns[index])
        return found, has_heading[index], -index

    best = max(range(len(columns)), key=score)
    return best, len(rows) > 1 and has_heading[best]


def has_heading(rows: Sequence[Row], column: int) -> bool:
    """Return whether the first line of a column is a heading and no device."""
    text = rows[0].cells[column] if column < len(rows[0].cells) else ""
    return len(rows) > 1 and fold(text) in HEADINGS and not known_texts([text])


def known_texts(texts: Collection[str]) -> set[str]:
    """Return those texts that name a device, listed or gone."""
    return set(_find([text for text in texts if macs_in(text) or not why_malformed(text)], BY_ALL))


def macs_in(text: str) -> tuple[str, ...]:
    """Return the MAC address that a text is, or those that it lists; empty for other texts."""
    if one := normalise_mac(text):
        return (one,)
    if len(text) < 25:  # Two addresses and a sign between them.
        return ()
    for between in _BETWEEN:
        parts = [part for part in between.split(text) if part.strip()]
        macs = [mac for part in parts if (mac := normalise_mac(part))]
        if len(macs) == len(parts):
            return tuple(dict.fromkeys(macs))
    return ()


def match_lines(
    given: Iterable[tuple[int, str] | Entry], by: Collection[str] = BY_ALL
) -> list[Line]:
    """Put each line into exactly one bucket; a repeated device or text is a duplicate."""
    entries = [Entry(*each) for each in given]
    texts = dict.fromkeys(entry.text for entry in entries if not entry.why)
    macs = {text: found for text in texts if (found := macs_in(text))}
    errors = {text: why for text in texts if text not in macs and (why := why_malformed(text))}
    hits = _find([text for text in texts if text not in errors], by)
    several = [hit for hit in hits.values() if hit.devices > 1]
    labels = labels_of(sorted({key for hit in several for key in hit.keys}))
    first_numbers: dict[object, int] = {}
    lines = []
    for entry in entries:
        why = entry.why or errors.get(entry.text, "")
        line = (
            Line(*entry[:2], "malformed", why=why)
            if why
            else _match_line(entry, hits.get(entry.text), macs.get(entry.text, ()), by, labels)
        )
        if line.bucket != "malformed":
            line = _unless_repeated(line, macs.get(entry.text, entry.text), first_numbers)
        lines.append(line)
    return lines


def labels(lines: Sequence[Line]) -> dict[int, str]:
    """Return the labels of the devices of these lines, by key."""
    return labels_of(sorted({line.device for line in lines if line.device is not None}))


def _unless_repeated(line: Line, form: object, first_numbers: dict[object, int]) -> Line:
    """Return a line, or a duplicate if an earlier one has the same text or device."""
    forms = [form] if line.device is None else [form, line.device]
    repeated = [first_numbers[each] for each in forms if each in first_numbers]
    for each in forms:
        first_numbers.setdefault(each, line.number)
    if not repeated:
        return line
    return line._replace(bucket="duplicate", why=f"The same as line {repeated[0]}.")


def _match_line(
    entry: Entry,
    hit: Hit | None,
    macs: Sequence[str],
    by: Collection[str],
    labels: Mapping[int, str],
) -> Line:
    number, text, _ = entry
    if hit is None:
        if "mac" in by and not macs and (why := why_no_mac(text)):
            return Line(number, text, "malformed", why=why)
        if by == {"mac"} and not macs:
            return Line(number, text, "malformed", why="Not a MAC address.")
        why = "None of its addresses is in the inventory." if len(macs) > 1 else _UNKNOWN
        return Line(number, text, "unknown", why=why)
    if not hit.devices:
        return Line(number, text, "unknown", why="No longer listed by the vendor.")
    if hit.devices > 1:
        named = [label for key, label in labels.items() if key in hit.keys][:MAX_NAMED]
        return Line(number, text, "ambiguous", why=f"It {names_several(named, hit.devices)}.")
    return Line(number, text, "matched", next(iter(hit.keys)))


def _find(texts: Iterable[str], by: Collection[str]) -> dict[str, Hit]:
    """Return the devices that each text names, as an id, a MAC or a name; only texts with one."""
    given = list(texts)
    names = [Device.objects.annotate(key=F(column)) for column in NAME_KEYS.values()]
    sources: dict[str, tuple[Callable[[str], Sequence[str]], list[QuerySet[Any]]]] = {
        "id": (lambda text: (text, text.lower()), [Device.objects.annotate(key=F("vendor_id"))]),
        "mac": (macs_in, [DeviceMac.objects.annotate(key=F("mac"))]),
        "name": (lambda text: (name_key(text),), names),
    }
    hits: dict[str, Hit] = {}
    for kind in by:
        keys_of, rows = sources[kind]
        forms = {text: [key for key in keys_of(text) if key] for text in given}
        keys = sorted({key for found in forms.values() for key in found})
        for source in rows if keys else ():
            known = _hits(source.filter(key__in=json_rows.texts(keys)))
            for text, found in forms.items() if known else ():
                for key in dict.fromkeys(found):
                    if key in known:
                        hits[text] = _combine(hits.get(text), known[key])
    return hits


def _combine(one: Hit | None, other: Hit) -> Hit:
    """Return the hit of the devices of both hits."""
    if one is None:
        return other
    keys = one.keys | other.keys
    return Hit(keys, max(len(keys), one.devices, other.devices))


def _hits(rows: QuerySet[Any]) -> dict[str, Hit]:
    """Return one hit for each `key` of these devices or MACs of devices."""
    device, gone = (
        ("device_id", "device__gone_at") if rows.model is DeviceMac else ("pk", "gone_at")
    )
    listed = Q(**{gone: None})
    found = rows.values("key").order_by()
    found = found.annotate(
        first=Min(device, filter=listed),
        last=Max(device, filter=listed),
        count=Count(device, filter=listed),
    )
    return {
        key: Hit(frozenset(each for each in (first, last) if each is not None), count)
        for key, first, last, count in found.values_list("key", "first", "last", "count")
    }
