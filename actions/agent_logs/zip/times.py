"""Reads the time of a line of a log, in the forms that agents and operating systems write.

What a line leaves out is assumed, and named in `Stamp.assumed`: UTC without a zone, the latest
possible year without a year, month before day where no date that was read shows the order.
Fractions of a second are left out. Sources: RFC 3339, RFC 3164, strftime's %c, and Microsoft's
CMTrace, whose zone is the number of minutes to add to get UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

_WITHIN = 96
"""Bytes at the start of a line in which its time is searched."""

_HOURS = (
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:]\d{1,9})?)?(?!\d)"
    r"(?:(?:\s|\xe2\x80\xaf|\xc2\xa0)?(?P<half>[AaPp])\.?[Mm](?![A-Za-z]))?"
)
_ZONE = r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_MONTH = r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY, _YEAR = r"(?P<day>\d\d?)", r"(?P<year>\d{4})"
_SIX_DIGITS = r"(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)(?:[.,]\d{1,9})?(?!\d)"
_FRACTION = r"(?:\d{3}|\d{6}|\d{9})?(?:[.,]\d{1,9})?"
_GAP = r"(?:[Tt_]|,?\s+|\s+-\s+)"
_TWO = r"(?P<first>\d\d?)(?P<sign>[/.-])(?P<second_number>\d\d?)(?P=sign)(?P<year>\d{4}|\d\d)"

_FORMS = tuple(
    re.compile(form.encode())
    for form in (
        # 2026-11-22T10:30:00.5+01:00, 2026/11/22 10:30
        rf"(?<!\d){_YEAR}[-/.](?P<month>\d\d?)[-/.]{_DAY}{_GAP}{_HOURS}{_ZONE}",
        # 20261122T103000Z
        rf"(?<!\d){_YEAR}(?P<month>\d\d)(?P<day>\d\d)[Tt _-]{_SIX_DIGITS}{_ZONE}",
        # 11/22/2026 9:00:00 AM, 22.11.2026 09:00, [11/22/2026 09:00.05.259]
        rf"(?<![\d.]){_TWO}{_GAP}{_HOURS}{_ZONE}",
        # Sun Nov 22 10:30:00.5 CET 2026
        rf"{_MONTH}\s+{_DAY}\s+{_HOURS}(?:\s(?!UTC|GMT)[A-Z]{{2,5}})?{_ZONE}\s+{_YEAR}(?!\d)",
        # Nov 22, 2026 10:30:00 AM
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR},?\s+{_HOURS}{_ZONE}",
        # 22 Nov 2026 10:30:00 +0100, 22/Nov/2026:10:30:00 +0100
        rf"(?<!\d){_DAY}[ /-]{_MONTH}[ /-]{_YEAR}(?:[:,]\s*|\s+){_HOURS}{_ZONE}",
        # Nov 22 10:30:00
        rf"{_MONTH}\s+{_DAY},?\s+{_HOURS}",
        # 11-22 10:30:00.123, E1122 10:30:00.123
        rf"^\W?[IWEFVD]?(?P<month>\d\d)-?(?P<day>\d\d)\s+{_HOURS}",
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

_MAYBE = re.compile(rb"\d:\d\d|\d{8}")
_NUMERIC = re.compile(rb"(?<![\d.])(\d\d?)([/.-])(\d\d?)\2(?:\d{4}|\d\d)[ ,T]{1,2}\d\d?:\d\d")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
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
            parts["month"] = str(_MONTHS.index(parts["name"].lower()) + 1)
        hour = int(parts["hour"])
        if "half" in parts and hour <= 12:
            hour = hour % 12 + 12 * (parts["half"] in "Pp")
        date = int(parts["month"]), int(parts["day"])
        time = hour, int(parts["minute"]), min(int(parts.get("second", 0)), 59)
        if "year" not in parts:
            return Stamp(self._latest(date, time), _NO_YEAR)
        year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
        return Stamp(datetime(year, *date, *time, tzinfo=_zone(parts)), assumed)

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
    if b"]LOG]!>" in raw or b" $$<" in raw:
        return _CMTRACE.search(raw)
    head = raw[:_WITHIN]
    if not _MAYBE.search(head):
        return None
    found = [match for form in _FORMS if (match := form.search(head))]
    return min(found, key=lambda match: match.start(), default=None)


def _zone(parts: dict[str, str]) -> timezone:
    if "bias" in parts:
        return timezone(timedelta(minutes=-int(parts["bias"])))
    text = parts.get("zone", "Z")
    if text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


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
