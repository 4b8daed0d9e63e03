"""The state of the device list in its URL: query, order, page size and cursor."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.urls import reverse

from actions.action_requests.states import CommandStatus
from actions.devices import pagination
from actions.devices.pagination import DevicePage, Order
from actions.devices.query import (
    KEYS,
    MAX_QUERY_LENGTH,
    TOO_LONG,
    VENDOR_VALUE_FILTERS,
    DeviceQuery,
    parse_device_query,
)
from dashboard.http import read_int
from dashboard.printable import printable

SIZES = (25, 50, 100, 250)
DEFAULT_SIZE = 50
DEFAULT_SORT = "name"
PAGE_KEYS = {*KEYS, "sort", "size", "page", "before", "after"}
"""The keys in the address of a page of the list."""

MAX_CHIPS = 5
"""Values of a filter that have a chip each; more share one, as each holds the whole query."""

LABELS = {
    "status": "Status",
    "severity": "Severity",
    "type": "Type",
    "system": "System",
    "agent": "Agent",
    "group": "Group",
    "seen": "Last seen",
    "acted": "Acted on",
    "exemption": "Exemption",
    "gone": "Gone devices",
    "outcome": "Outcome",
    "version_from": "Agent version from",
    "version_to": "Agent version up to",
    "enrolled_from": "Enrolled from",
    "enrolled_to": "Enrolled up to",
    "request": "Request id",
    "q": "Search",
    TOO_LONG: "Filters",
}
MENUS = (*VENDOR_VALUE_FILTERS, "seen")
TYPED = ("version_from", "version_to", "enrolled_from", "enrolled_to", "request")
MORE = ("acted", "exemption", "gone", "outcome")

VALUE_LABELS: dict[str, dict[str, str]] = {
    "seen": {
        "1h": "In the last hour",
        "24h": "In the last 24 hours",
        "7d": "In the last 7 days",
        "over-7d": "More than 7 days ago",
        "over-30d": "More than 30 days ago",
        "over-90d": "More than 90 days ago",
        "never": "Never",
    },
    "acted": {
        "1h": "In the last hour",
        "24h": "In the last 24 hours",
        "7d": "In the last 7 days",
        "30d": "In the last 30 days",
    },
    "exemption": {"now": "Exempted now", "none": "Not exempted"},
    "gone": {"only": "Only gone devices", "all": "Gone devices too"},
    "outcome": dict(CommandStatus.choices),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter with its options."""

    key: str
    label: str
    options: list[Option]
    problems: list[str]
    value: str = ""

    @property
    def kind(self) -> str:
        """Type of the input element."""
        return "date" if self.key.startswith("enrolled") else "text"

    @property
    def one_only(self) -> bool:
        """Whether the options exclude one another."""
        return self.key == "gone"


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter; `url` is the list without it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class DeviceListState:
    """The query, order and page size that a URL asks for."""

    device_query: DeviceQuery
    sort: str
    size: int

    @classmethod
    def read(cls, query: QueryDict) -> "DeviceListState":
        """Read the query string; an unknown order or size gives the default."""
        sort = query.get("sort", DEFAULT_SORT)
        size = read_int(query.get("size"), default=DEFAULT_SIZE)
        return cls(
            parse_device_query(query.urlencode()),
            sort if pagination.parse_order(sort) else DEFAULT_SORT,
            size if size in SIZES else DEFAULT_SIZE,
        )

    @classmethod
    def read_text(cls, query: str) -> "DeviceListState":
        """Read a query string that a form carries."""
        try:
            return cls.read(QueryDict(query.replace("\x00", "")))
        except SuspiciousOperation:  # More fields than Django reads.
            return cls.read(QueryDict(f"{TOO_LONG}=1"))

    @property
    def order(self) -> Order:
        """Column and direction of the order."""
        return pagination.parse_order(self.sort) or Order()

    @property
    def search(self) -> str:
        """Text of the search field."""
        return self.device_query.one("q")

    @property
    def query(self) -> str:
        """Query string of the first page of this list."""
        return self.url()[1:]

    def url(self, **changes: Any) -> str:
        """Return the URL of this list with another device_query, sort, size or cursor."""
        device_query = changes.pop("device_query", self.device_query)
        view = {"sort": self.sort, "size": self.size} | changes
        defaults = {"sort": DEFAULT_SORT, "size": DEFAULT_SIZE}
        changed = ((k, v) for k, v in view.items() if v and v != defaults.get(k))
        pairs = [*device_query.pairs(), *changed]
        return "?" + urlencode(pairs)

    def sort_url(self, key: str) -> str:
        """Return the URL of this list sorted by a column; a second click reverses the order."""
        return self.url(sort=f"-{key}" if self.sort == key else key)

    def direction(self, key: str) -> str:
        """Return the value of aria-sort for a column, "" if the list is not sorted by it."""
        if self.sort.removeprefix("-") != key:
            return ""
        return "descending" if self.order.descending else "ascending"

    def pager(self, page: DevicePage) -> dict[str, Any]:
        """Return the URLs of the neighbouring pages and of the other page sizes."""
        before = page.has_previous and page.devices
        after = page.has_next and page.devices
        return {
            "first_url": self.url() if before else "",
            "previous_url": self.url(before=page.start) if before else "",
            "next_url": self.url(after=page.end) if after else "",
            "last_url": self.url(page="last") if after else "",
            "sizes": [
                {"label": size, "url": self.url(size=size), "current": size == self.size}
                for size in SIZES
            ],
        }

    def chips(self) -> list[Chip]:
        """Return the active filters, each with the URL of the list without it.

        Their number is bounded, so that the page grows no faster than the query. A query that is
        too long has none.
        """
        query = self.device_query
        groups = [
            (key, group)
            for key, values in query.values.items()
            for group in ([values] if len(values) > MAX_CHIPS else [(value,) for value in values])
        ]
        return [
            Chip(_chip_text(key, group), self.url(device_query=query.without(key, *group)))
            for key, group in (groups if query.is_bounded else [])
        ]

    def problems(self) -> list[tuple[str, str]]:
        """Return each problem of the query with the label of its filter."""
        found = self.device_query.problems.items()
        return [(LABELS[key], text) for key, texts in found for text in texts]

    def filters(self, choices: dict[str, list[str]], keys: tuple[str, ...]) -> list[Filter]:
        """Return the filters with the values that occur in the fleet and those in the query."""
        return [
            Filter(
                key,
                LABELS[key],
                _options(key, choices.get(key, []), self.device_query.of(key)),
                self.device_query.problems.get(key, []),
                self.device_query.one(key),
            )
            for key in keys
        ]


def read_list_query(text: str) -> str:
    """Return the query of a page of the list that a form carries, or "" if it is too long."""
    text = text.replace("\x00", "")
    if len(text) > MAX_QUERY_LENGTH:
        return ""
    return urlencode([pair for pair in parse_qsl(text) if pair[0] in PAGE_KEYS])


def device_list_url(query: str = "") -> str:
    """Return the URL of the device list with this query string."""
    return f"{reverse('devices')}?{query}" if query else reverse("devices")


def value_label(key: str, value: str) -> str:
    """Return the label of a value of a filter."""
    if key in VALUE_LABELS:
        return VALUE_LABELS[key].get(value, printable(value))
    if key in {"status", "severity", "type", "agent"}:
        return printable(value).replace("_", " ").strip().capitalize()
    return printable(value)


def _options(key: str, offered: list[str], chosen: tuple[str, ...]) -> list[Option]:
    values = dict.fromkeys([*VALUE_LABELS.get(key, {}), *offered, *chosen])
    ticked = set(chosen)
    return [Option(value, value_label(key, value), value in ticked) for value in values]


def _chip_text(key: str, values: tuple[str, ...]) -> str:
    value = values[0]
    if len(values) > 1:
        return f"{LABELS[key]}: {len(values)} values"
    if key == "q":
        return f"“{printable(value)[:40]}”"
    text = value[:8] if key == "request" else value_label(key, value)
    return f"{LABELS[key]}: {text[:60]}"
