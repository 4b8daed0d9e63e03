"""The query of the device list: a search and filters, parsed from the query of an address.

The values of one filter are alternatives; all filters must hold, as in the vendor's own list.
Invalid input is never ignored: a query with `problems` has no result, because "all matching" of a
misread query would select the wrong devices. What is too long stays a problem in every text that
is made from the query, so that no form or link loses it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from actions import bounds
from actions.action_requests.states import CommandStatus
from actions.errors import Code, Problem, Refused
from actions.inventory.versions import is_version, version_key

MAX_SEARCH_LENGTH = 200
"""Characters of a search; longer ones are cut."""

MAX_VALUE_LENGTH = 255
"""Characters of a filter's value; longer ones are a problem."""

MAX_QUERY_LENGTH = 8192
"""Characters of a query's text, without excluded devices; a longer one is not parsed."""

TOO_LONG = "too_long"
"""The only key in the text of a query that was too long."""

VENDOR_VALUE_FILTERS = ("status", "severity", "type", "system", "agent", "group")
"""Filters whose values are the vendor's own; any value is valid."""

KEYS = (
    *("q", *VENDOR_VALUE_FILTERS, "version_from", "version_to", "seen"),
    *("enrolled_from", "enrolled_to", "exemption", "acted", "request", "outcome", "gone"),
    TOO_LONG,
)
"""The search and all filters, in the order of a query's text."""

SINGLE_VALUE_FILTERS = {
    *("q", "version_from", "version_to", "enrolled_from", "enrolled_to", "request", "gone"),
    TOO_LONG,
}
EXEMPTION_VALUES = ("now", "none")
GONE_VALUES = ("only", "all")

_SPAN = re.compile(r"(over-)?([1-9][0-9]{0,3})([hd])")
_EXCLUDED = re.compile(r"(?:^|&)unticked=[^&]*")


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """A search and filters: `values` by key, in the order of `KEYS`, and `problems` by key."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def of(self, key: str) -> tuple[str, ...]:
        """Return the values of a filter; empty if it is off."""
        return self.values.get(key, ())

    def one(self, key: str) -> str:
        """Return the value of a filter that takes a single one, or ""."""
        return self.values.get(key, ("",))[0]

    def as_url(self) -> str:
        """Return the query part of an address; equal queries return equal texts."""
        return urlencode(list(self.pairs()))

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Return each key with each of its values."""
        return ((key, value) for key, values in self.values.items() for value in values)

    @property
    def is_bounded(self) -> bool:
        """Whether neither the query nor one of its filters is too long."""
        return TOO_LONG not in self.values and not any(map(_is_over, self.values.items()))

    def without(self, key: str, *removed: str) -> "DeviceQuery":
        """Return the query without these values of one filter."""
        values = dict(self.values)
        values[key] = tuple(each for each in self.of(key) if each not in removed)
        if key == "request":
            values.pop("outcome", None)
        return _checked({name: remaining for name, remaining in values.items() if remaining})


def parse_device_query(text: str) -> DeviceQuery:
    """Parse the query of an address; keys that are not filters are ignored."""
    text = _EXCLUDED.sub("", text)
    if len(text) > MAX_QUERY_LENGTH:
        return _checked({TOO_LONG: ("1",)})
    given: dict[str, set[str]] = {}
    for key, raw in parse_qsl(text):
        value = _cleaned(raw)
        if key == "q" and value:
            given["q"] = {value[:MAX_SEARCH_LENGTH]}
        elif key in KEYS and value:
            given.setdefault(key, set()).add(value)
    # One value more than allowed shows that there are too many.
    values = {key: tuple(sorted(given[key])[: _limit(key) + 1]) for key in KEYS if key in given}
    query = _checked(values)
    return query if len(query.as_url()) <= MAX_QUERY_LENGTH else _checked({TOO_LONG: ("1",)})


def with_excluded(text: str, keys: Iterable[int]) -> str:
    """Return a query's text that also excludes devices by key, as a selection stores it.

    Raises Refused for more than `bounds.MAX_KEYS` devices.
    """
    keys = list(keys)
    bounds.check_count("", keys, bounds.MAX_KEYS, "devices to leave out")
    excluded = ",".join(map(str, sorted(keys)))
    return "&".join(filter(None, (text, excluded and urlencode({"unticked": excluded}, safe=","))))


def parse_excluded(text: str) -> list[int]:
    """Return the keys of the devices that such a text excludes."""
    values = [value for key, value in parse_qsl(text) if key == "unticked"]
    keys = [key for value in values for key in value.split(",")]
    return [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 19]


def parse_span(text: str) -> tuple[bool, timedelta] | None:
    """Parse a time span such as 24h, 7d or over-30d, else return None.

    Returns whether the span means longer ago ("over-"), and its length.
    """
    match = _SPAN.fullmatch(text)
    if not match:
        return None
    count = int(match[2])
    return bool(match[1]), timedelta(hours=count) if match[3] == "h" else timedelta(days=count)


def parse_day(text: str) -> date | None:
    """Parse a date such as 2026-11-24, else return None."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _checked(values: dict[str, tuple[str, ...]]) -> DeviceQuery:
    problems: dict[str, list[str]] = {}
    for key, given in values.items():
        if key == TOO_LONG:
            problems[key] = [
                f"The filters have more than {MAX_QUERY_LENGTH:,} characters. Use fewer of them."
            ]
        elif _is_over((key, given)):
            limit = "one value" if key in SINGLE_VALUE_FILTERS else f"{bounds.MAX_VALUES} values"
            problems[key] = [f"This filter takes at most {limit}."]
        elif texts := [_problem(key, value) for value in given if _problem(key, value)]:
            problems[key] = texts
    if not problems:
        problems = _contradictions({key: given[0] for key, given in values.items()})
    return DeviceQuery(values, problems)


def _limit(key: str) -> int:
    return 1 if key in SINGLE_VALUE_FILTERS else bounds.MAX_VALUES


def _is_over(item: tuple[str, tuple[str, ...]]) -> bool:
    key, given = item
    return len(given) > _limit(key)


def _cleaned(value: str) -> str:
    """Return a value without what PostgreSQL does not store: NUL and lone surrogates."""
    return value.replace("\x00", "").encode(errors="ignore").decode().strip()


def _problem(key: str, value: str) -> str:
    """Return why a value of a filter is invalid, or ""."""
    if len(value) > MAX_VALUE_LENGTH:
        return f"At most {MAX_VALUE_LENGTH} characters."
    is_valid, hint = _FORMATS.get(key, (None, ""))
    return "" if is_valid is None or is_valid(value) else f"{hint}, not “{value[:40]}”."


def _contradictions(values: dict[str, str]) -> dict[str, list[str]]:
    if "outcome" in values and "request" not in values:
        return {"outcome": ["Choose a request as well: an outcome belongs to a request."]}
    first, last = values.get("enrolled_from"), values.get("enrolled_to")
    if first and last and first > last:
        return {"enrolled_to": ["This day is before the first day."]}
    low, high = values.get("version_from"), values.get("version_to")
    if low and high and version_key(low) > version_key(high, fill="9"):
        return {"version_to": ["This version is lower than the first version."]}
    return {}


def _is_span_or_never(text: str) -> bool:
    return text == "never" or parse_span(text) is not None


def _is_recent_span(text: str) -> bool:
    return (parse_span(text) or (True,))[0] is False


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def raise_for_problems(query: DeviceQuery) -> None:
    """Raise Refused with the problems of a query, each beside its filter; else do nothing."""
    if query.problems:
        raise Refused(
            *(
                Problem(key, Code.INVALID_FILTER, text)
                for key, texts in query.problems.items()
                for text in texts
            )
        )


_SPAN_HINT = "Write a time such as 24h, 7d or over-30d, or never"
_FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "version_from": (is_version, "Write a version such as 7.6 or 7.6.711"),
    "version_to": (is_version, "Write a version such as 7.6 or 7.6.711"),
    "seen": (_is_span_or_never, _SPAN_HINT),
    "acted": (_is_recent_span, "Write a time such as 24h or 7d"),
    "enrolled_from": (parse_day, "Write a day such as 2026-11-24"),
    "enrolled_to": (parse_day, "Write a day such as 2026-11-24"),
    "exemption": (EXEMPTION_VALUES.__contains__, f"Write one of {', '.join(EXEMPTION_VALUES)}"),
    "gone": (GONE_VALUES.__contains__, f"Write one of {', '.join(GONE_VALUES)}"),
    "request": (_is_uuid, "Write the id of a request"),
    "outcome": (CommandStatus.values.__contains__, "Write the outcome of a command"),
}
