"""Match texts with the devices of the inventory: the one matcher of the page and the command."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Min, Q, QuerySet

from actions import json_rows
from actions.folding import fold, plain_signs
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


_Hit = tuple[int | None, int | None, int]
"""The lowest and highest key of the listed devices that a text names, and how many there are.

There is none if all of them are gone.
"""


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
    macs = {text: found for text in texts if (found := macs_in(text))}
    return set(_find([text for text in texts if text in macs or not why_malformed(text)], macs))


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
    entries = [each if isinstance(each, Entry) else Entry(*each) for each in given]
    texts = dict.fromkeys(entry.text for entry in entries if not entry.why)
    macs = {text: found for text in texts if (found := macs_in(text))}
    errors = {text: why for text in texts if text not in macs and (why := why_malformed(text))}
    hits = _find([text for text in texts if text not in errors], macs, by)
    labels = labels_of(sorted({key for hit in hits.values() if hit[2] > 1 for key in _keys(hit)}))
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
    number, device = line.number, line.device
    first = first_numbers.setdefault(form, number)
    if device is not None:
        same_device = first_numbers.setdefault(device, number)
        first = same_device if first == number else first
    if first == number:
        return line
    return line._replace(bucket="duplicate", why=f"The same as line {first}.")


def _match_line(
    entry: Entry,
    hit: _Hit | None,
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
    first, _last, devices = hit
    if not devices:
        return Line(number, text, "unknown", why="No longer listed by the vendor.")
    if devices > 1:
        keys = _keys(hit)
        named = [label for key, label in labels.items() if key in keys][:MAX_NAMED]
        return Line(number, text, "ambiguous", why=f"It {names_several(named, devices)}.")
    return Line(number, text, "matched", first)


def _find(
    texts: Sequence[str], macs: Mapping[str, Sequence[str]], by: Collection[str] = BY_ALL
) -> dict[str, _Hit]:
    """Return the devices that each text names, as an id, a MAC or a name; only texts with one."""
    hits: dict[str, _Hit] = {}
    for kind in by:
        forms, sources = _forms(kind, texts, macs)
        # Sorted, because PostgreSQL then reads its index in order.
        keys = json_rows.texts(sorted({key for _, key in forms}))
        for source in sources if forms else ():
            known = _hits(source.filter(key__in=keys), is_unique=kind == "id")
            for text, key in forms if known else ():
                if hit := known.get(key):
                    hits[text] = _combine(hits[text], hit) if text in hits else hit
    return hits


def _forms(
    kind: str, texts: Sequence[str], macs: Mapping[str, Sequence[str]]
) -> tuple[list[tuple[str, str]], list[QuerySet[Any]]]:
    """Return each text with its forms as an id, a MAC or a name, and where these are looked up."""
    if kind == "id":
        forms = [(text, form) for text in texts for form in _forms_of_id(text)]
        return forms, [Device.objects.annotate(key=F("vendor_id"))]
    if kind == "mac":
        forms = [(text, mac) for text in texts for mac in macs.get(text, ())]
        return forms, [DeviceMac.objects.annotate(key=F("mac"))]
    forms = [(text, key) for text in texts if (key := name_key(text))]
    return forms, [Device.objects.annotate(key=F(column)) for column in NAME_KEYS.values()]


def _forms_of_id(text: str) -> set[str]:
    """Return an id as it is given, and in either case without invisible marks."""
    plain = text if text.isascii() else plain_signs(text).strip()
    return {text, plain, plain.lower(), plain.upper()}


def _keys(hit: _Hit) -> set[int]:
    return {key for key in hit[:2] if key is not None}


def _combine(one: _Hit, other: _Hit) -> _Hit:
    """Return the hit of the devices of both hits."""
    keys = _keys(one) | _keys(other)
    count = max(len(keys), one[2], other[2])
    return min(keys, default=None), max(keys, default=None), count


def _hits(rows: QuerySet[Any], *, is_unique: bool = False) -> dict[str, _Hit]:
    """Return one hit for each `key` of these devices or MACs of devices."""
    if is_unique:
        found = rows.order_by().values_list("key", "pk", "gone_at")
        return {key: (None, None, 0) if gone_at else (pk, pk, 1) for key, pk, gone_at in found}
    device, listed = "pk", Q(gone_at=None)
    if rows.model is DeviceMac:
        # Few devices are gone: their keys cost less than a join with every device.
        gone = Device.objects.filter(gone_at__isnull=False)
        device, listed = "device_id", ~Q(device_id__in=gone.values("pk"))
    found = rows.values("key").order_by()
    found = found.annotate(
        first=Min(device, filter=listed),
        last=Max(device, filter=listed),
        count=Count(device, filter=listed),
    )
    values = found.values_list("key", "first", "last", "count")
    return {key: (first, last, count) for key, first, last, count in values}
