"""Reads the time of a line of a log, in the forms that agents and operating systems write.

What a line leaves out is assumed, and named in `Stamp.assumed`: UTC without a zone, the latest
possible year without a year, month before day where no date that was read shows the order.
Fractions of a second are left out. Sources: RFC 3339, RFC 3164, strftime's %c, and Microsoft's
CMTrace, whose zone is the number of minutes to add to get UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

_WITHIN = 96
"""Bytes at the start of a line in which its time is searched."""

_HOURS = (
    r"(?:(?P<half2>上午|下午|午前|午後|오전|오후)\s?)?(?=\d\d?(?::|\.\d\d\.\d\d))"
    r"(?P<hour>\d\d?)[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:]\d{1,9})?)?(?!\d)"
    r"(?:(?:\s|\xe2\x80\xaf|\xc2\xa0)?(?P<half>[AaPp])\.?[Mm](?![A-Za-z]))?"
)
_ZONE = r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_MONTHS = (
    *("jan ene gen янв", "feb fev fév фев", "mar mär mrz mrt мар", "apr avr abr апр"),
    *("may mai mag mei мая май", "jun juin giu июн", "jul juil lug июл", "aug aoû ago авг"),
    *("sep set сен", "oct okt ott out окт", "nov ноя", "dec dez déc dic дек"),
)
"""How the names of each month begin in the languages that logs are written in."""

_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_LETTER = r"[A-Za-z\x80-\xff]"
_MONTH = rf"(?<!{_LETTER})(?P<name>(?i:{'|'.join(_MONTH_OF)})){_LETTER}*\.?"
_DAY, _YEAR = r"(?P<day>\d\d?)", r"(?P<year>\d{4})"
_SIX_DIGITS = r"(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)(?:[.,]\d{1,9})?(?!\d)"
_FRACTION = r"(?:\d{3}|\d{6}|\d{9})?(?:[.,]\d{1,9})?"
_GAP = r"(?:[Tt_-]|,?\s+|\s+-\s+)"
_TWO = r"(?P<first>\d\d?)(?P<sign>[/.-])(?P<second_number>\d\d?)(?P=sign)(?P<year>\d{4}|\d\d)"

_FORMS = tuple(
    re.compile(form.encode())
    for form in (
        # 2026-11-22T10:30:00.5+01:00, 2026/11/22 10:30
        (
            rf"(?<!\d){_YEAR}(?:[-/.]\s?|年)(?P<month>\d\d?)(?:[-/.]\s?|月){_DAY}(?:日|\.)?"
            rf"{_GAP}{_HOURS}{_ZONE}"
        ),
        # 2026-W47-7T10:30:00
        rf"(?<!\d){_YEAR}-?W(?P<week>\d\d)-?(?P<weekday>[1-7])[Tt ]{_HOURS}{_ZONE}",
        # 20261122T103000Z
        rf"(?<!\d){_YEAR}(?P<month>\d\d)(?P<day>\d\d)[Tt _-]{_SIX_DIGITS}{_ZONE}",
        # 11/22/2026 9:00:00 AM, 22.11.2026 09:00, [11/22/2026 09:00.05.259]
        rf"(?<![\d.]){_TWO}{_GAP}{_HOURS}{_ZONE}",
        # Sun Nov 22 10:30:00.5 CET 2026
        rf"{_MONTH}\s+{_DAY}\s+{_HOURS}(?:\s(?!UTC|GMT)[A-Z]{{2,5}})?{_ZONE}\s+{_YEAR}(?!\d)",
        # Nov 22, 2026 10:30:00 AM
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR},?\s+{_HOURS}{_ZONE}",
        # 22 Nov 2026 10:30:00 +0100, 22/Nov/2026:10:30:00 +0100, 22 de noviembre de 2026 10:30
        (
            rf"(?<!\d){_DAY}\.?(?:[ /-]|\sde\s){_MONTH}(?:[ /-]|\sde\s){_YEAR}(?:[:,]\s*|\s+)"
            rf"{_HOURS}{_ZONE}"
        ),
        # 22-Nov-26 10:30:00
        rf"(?<!\d){_DAY}(?P<sign>[/-]){_MONTH}(?P=sign)(?P<year>\d\d)\s+{_HOURS}",
        # Nov 22 10:30:00
        rf"{_MONTH}\s+{_DAY},?\s+{_HOURS}",
        # 11-22 10:30:00.123, E1122 10:30:00.123
        rf"^\W?[IWEFVD]?(?P<month>\d\d)-?(?P<day>\d\d)\s+{_HOURS}",
        # [1234:1122/103000.123:ERROR:file.cc(1)]
        (
            r"[\[:](?P<month>\d\d)(?P<day>\d\d)/(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
            r"(?:\.\d+)?:"
        ),
        # "ts":1795341600.5, audit(1795341600.123:45)
        (
            r"(?:(?<!\w)(?i:@?ts|@?time|@?timestamp|epoch|_*realtime_timestamp)\"?\s*[:=]\s*\"?|"
            rf"audit\()(?P<epoch2>1\d{{9}}){_FRACTION}(?!\d)"
        ),
        # 1795341600.5, 1795341600123
        rf'^[\[(<"\s]{{0,3}}(?P<epoch>1\d{{9}}){_FRACTION}(?=[\s,;|:"\])>]|$)',
    )
)
"""The forms; of two that begin at the same place the earlier one counts."""

_CMTRACE = re.compile(
    rb'time="(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:\.\d+)?(?P<bias>[+-]\d{1,4})?"'
    rb'\s+date="(?P<month>\d\d?)-(?P<day>\d\d?)-(?P<year>\d{4})"'
    rb"|\$\$<[^<>]*><(?P<month2>\d\d?)-(?P<day2>\d\d?)-(?P<year2>\d{4}) (?P<hour2>\d\d?):"
    rb"(?P<minute2>\d\d):(?P<second2>\d\d)(?:\.\d+)?(?P<bias2>[+-]\d{1,4})?>"
)
"""CMTrace writes the time behind the text; the second form is the older one."""

_NAME = re.compile("|".join(_MONTH_OF).encode())
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_MAYBE = re.compile(rb"\d:\d\d|\d{8}|\d{4}/\d{6}|\d\.\d\d\.\d\d")
_NUMERIC = re.compile(rb"(?<![\d.])(\d\d?)([/.-])(\d\d?)\2(?:\d{4}|\d\d)[ ,T]{1,2}\d\d?:\d\d")
_AFTERNOON = ("P", "p", "下午", "午後", "오후")
_NO_YEAR = "The lines name no year: the latest one before the file was stored is assumed."
_MONTH_FIRST = "The month is assumed to come before the day: no date that was read shows the order."


class Stamp(NamedTuple):
    """The time of a line with its own zone, and what was assumed to read it, or ""."""

    at: datetime
    assumed: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads the times of one file.

    `reference` is when the file was stored: no line is later. `day_first` is the order of day and
    month in its dates, None if unknown.
    """

    reference: datetime
    day_first: bool | None = None

    def read(self, raw: bytes) -> Stamp | None:
        """Return the time of a line, None if none is understood."""
        found = _find(raw)
        if found is None:
            return None
        parts = {name.rstrip("2"): value for name, value in found.groupdict().items() if value}
        try:
            return self._stamp({name: each.decode() for name, each in parts.items()})
        except (ValueError, OverflowError):
            return None

    def _stamp(self, parts: dict[str, str]) -> Stamp:
        if "epoch" in parts:
            return Stamp(datetime.fromtimestamp(int(parts["epoch"]), UTC), "")
        assumed = ""
        if "first" in parts:
            parts["day"], parts["month"], assumed = self._ordered(parts)
        if "name" in parts:
            parts["month"] = str(_MONTH_OF[parts["name"].lower()])
        if "week" in parts:
            week = (int(parts[name]) for name in ("year", "week", "weekday"))
            parts["year"], parts["month"], parts["day"] = (
                date.fromisocalendar(*week).isoformat().split("-")
            )
        hour = int(parts["hour"])
        if "half" in parts and hour <= 12:
            hour = hour % 12 + 12 * (parts["half"] in _AFTERNOON)
        day = int(parts["month"]), int(parts["day"])
        time = hour, int(parts["minute"]), min(int(parts.get("second", 0)), 59)
        if "year" not in parts:
            return Stamp(self._latest(day, time), _NO_YEAR)
        year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
        return Stamp(datetime(year, *day, *time, tzinfo=_zone(parts)), assumed)

    def _ordered(self, parts: dict[str, str]) -> tuple[str, str, str]:
        """Return the day and the month of a date in numbers, and what was assumed."""
        first, second = parts["first"], parts["second_number"]
        if int(first) > 12 or int(second) > 12:
            return (first, second, "") if int(first) > 12 else (second, first, "")
        if self.day_first or (self.day_first is None and parts["sign"] == "."):
            return first, second, ""
        return second, first, "" if self.day_first is False else _MONTH_FIRST

    def _latest(self, date: tuple[int, int], time: tuple[int, int, int]) -> datetime:
        """Return the latest such time before the reference; a day later allows for zones."""
        for year in range(self.reference.year + 1, self.reference.year - 9, -1):
            try:
                found = datetime(year, *date, *time, tzinfo=UTC)
            except ValueError:
                continue  # 29 February of another year.
            if found <= self.reference + timedelta(days=1):
                return found
        raise ValueError(date)


def _find(raw: bytes) -> "re.Match[bytes] | None":
    """Return the match of the form that begins first."""
    raw = without_colours(raw)
    if b"]LOG]!>" in raw or b" $$<" in raw:
        return _CMTRACE.search(raw)
    head = raw[:_WITHIN]
    if not _MAYBE.search(head):
        return None
    low, best = head.lower(), None
    for form in _FORMS:
        if "name" in form.groupindex and not _NAME.search(low):
            continue  # Most lines name no month, and looking for one takes long.
        match = form.search(head)
        if match and (best is None or match.start() < best.start()):
            best = match
            if match.start() == 0:
                break
    return best


def _zone(parts: dict[str, str]) -> timezone:
    if "bias" in parts:
        return timezone(timedelta(minutes=-int(parts["bias"])))
    text = parts.get("zone", "Z")
    if text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def without_colours(raw: bytes) -> bytes:
    """Return a text without the codes that colour it on a terminal."""
    return _COLOUR.sub(b"", raw) if b"\x1b" in raw else raw


def time_of(raw: bytes) -> datetime | None:
    """Return the time of a line without knowledge of its file, as UTC if it names no zone."""
    stamp = Clock(datetime.now(UTC)).read(raw)
    return stamp.at if stamp else None


def end_of_time(raw: bytes) -> int:
    """Return the offset of the first byte after the time of a line; -1 if it has none."""
    found = _find(raw)
    return found.end() if found else -1


def may_hold_times(data: bytes) -> bool:
    """Return whether a line of a text can have a time: a fast check."""
    return _MAYBE.search(data) is not None


def day_comes_first(data: bytes) -> bool | None:
    """Return the order of day and month in the dates of a text, None if none shows it."""
    firsts = seconds = 0
    for first, _, second in _NUMERIC.findall(data):
        firsts += int(first) > 12 >= int(second)
        seconds += int(second) > 12 >= int(first)
    return None if firsts == seconds else firsts > seconds
