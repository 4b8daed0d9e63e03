"""What is asked of the device list: a search and filters, read from the query of its address.

Values of one filter are alternatives; all filters together must hold, as with the vendor's own
list. What cannot be understood is never left out in silence: a query with `problems` has no
answer, because "all matching" of a misread query would be the wrong devices.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from actions.action_requests.states import CommandStatus
from actions.errors import Refused
from actions.inventory.versions import is_version, version_key

MAX_SEARCH = 200
"""Characters of a search; longer ones are cut."""

MAX_VALUE = 255
MAX_VALUES = 100

CHOICES = ("status", "severity", "type", "system", "agent", "group")
"""Filters that take the vendor's own words, whichever there are."""

KEYS = (
    *("q", *CHOICES, "version_from", "version_to", "seen", "enrolled_from", "enrolled_to"),
    *("exemption", "acted", "request", "outcome", "gone"),
)
SINGLE = {
    *("q", "version_from", "version_to", "enrolled_from", "enrolled_to", "request", "gone"),
}
EXEMPTIONS = ("now", "none")
GONE = ("only", "all")

_SPAN = re.compile(r"(over-)?([1-9][0-9]{0,3})([hd])")


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """Search and filters as asked: each key with its values, in the order of `KEYS`."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def of(self, key: str) -> tuple[str, ...]:
        """The values of a filter; none when it is off."""
        return self.values.get(key, ())

    def one(self, key: str) -> str:
        """The value of a filter that has only one, or ""."""
        return self.values.get(key, ("",))[0]

    @property
    def text(self) -> str:
        """The query of an address that asks the same; the same query has the same text."""
        return urlencode(list(self.pairs()))

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Each key with each of its values."""
        return ((key, value) for key, values in self.values.items() for value in values)

    def without(self, key: str, value: str) -> "DeviceQuery":
        """The same query less one value of one filter."""
        kept = dict(self.values)
        kept[key] = tuple(each for each in self.of(key) if each != value)
        if key == "request":
            kept.pop("outcome", None)
        return _checked({name: values for name, values in kept.items() if values})


def parse_device_query(query: str) -> DeviceQuery:
    """Read the query of an address; keys that are no filter are left to others."""
    given: dict[str, list[str]] = {}
    for key, value in parse_qsl(query.replace("\x00", "").replace("%00", "")):
        if key in KEYS and value.strip():
            given.setdefault(key, []).append(value.strip())
    if "q" in given:
        given["q"] = [given["q"][-1][:MAX_SEARCH]]
    return _checked({key: tuple(dict.fromkeys(sorted(given[key]))) for key in KEYS if key in given})


def with_excluded(query: str, keys: Iterable[int]) -> str:
    """The same query less some devices, by key: what a selection keeps of how it was made."""
    found = ",".join(map(str, sorted(keys)))
    return "&".join(filter(None, (query, found and urlencode({"unticked": found}, safe=","))))


def parse_excluded(query: str) -> list[int]:
    """The keys of the devices that such a query leaves out."""
    texts = [value for key, value in parse_qsl(query) if key == "unticked"]
    keys = [key for text in texts for key in text.split(",")]
    return [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 19]


def parse_span(text: str) -> tuple[bool, timedelta] | None:
    """Whether longer ago than a time is meant, and the time: 24h, 7d, over-30d; else None."""
    found = _SPAN.fullmatch(text)
    if not found:
        return None
    count = int(found[2])
    return bool(found[1]), timedelta(hours=count) if found[3] == "h" else timedelta(days=count)


def parse_day(text: str) -> date | None:
    """A day written as 2026-11-24, else None."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _checked(values: dict[str, tuple[str, ...]]) -> DeviceQuery:
    problems: dict[str, list[str]] = {}
    for key, found in values.items():
        if len(found) > (1 if key in SINGLE else MAX_VALUES):
            most = "one value" if key in SINGLE else f"{MAX_VALUES} values"
            problems[key] = [f"This filter takes at most {most}."]
        elif texts := [_refusal(key, value) for value in found if _refusal(key, value)]:
            problems[key] = texts
    if not problems:
        problems = _contradictions({key: found[0] for key, found in values.items()})
    return DeviceQuery(values, problems)


def _refusal(key: str, value: str) -> str:
    """Why a value of a filter means nothing, or ""."""
    if len(value) > MAX_VALUE:
        return f"At most {MAX_VALUE} characters."
    means, form = _FORMS.get(key, (None, ""))
    return "" if means is None or means(value) else f"{form}, not “{value[:40]}”."


def _contradictions(values: dict[str, str]) -> dict[str, list[str]]:
    if "outcome" in values and "request" not in values:
        return {"outcome": ["An outcome is that of a request: say of which one."]}
    first, last = values.get("enrolled_from"), values.get("enrolled_to")
    if first and last and first > last:
        return {"enrolled_to": ["This day is before the first one."]}
    low, high = values.get("version_from"), values.get("version_to")
    if low and high and version_key(low) > version_key(high, fill="9"):
        return {"version_to": ["This version is lower than the first one."]}
    return {}


def _is_span(text: str) -> bool:
    return text == "never" or parse_span(text) is not None


def _is_time(text: str) -> bool:
    return (parse_span(text) or (True,))[0] is False


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def refuse(query: DeviceQuery) -> None:
    """Raise Refused with what cannot be understood, each beside its filter."""
    if query.problems:
        raise Refused(query.problems)


_SPAN_FORM = "Write a time such as 24h, 7d or over-30d, or never"
_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "version_from": (is_version, "Write a version such as 7.6 or 7.6.711"),
    "version_to": (is_version, "Write a version such as 7.6 or 7.6.711"),
    "seen": (_is_span, _SPAN_FORM),
    "acted": (_is_time, "Write a time such as 24h or 7d"),
    "enrolled_from": (parse_day, "Write a day such as 2026-11-24"),
    "enrolled_to": (parse_day, "Write a day such as 2026-11-24"),
    "exemption": (EXEMPTIONS.__contains__, f"Write one of {', '.join(EXEMPTIONS)}"),
    "gone": (GONE.__contains__, f"Write one of {', '.join(GONE)}"),
    "request": (_is_uuid, "Write the id of a request"),
    "outcome": (CommandStatus.values.__contains__, "Write the outcome of a command"),
}
