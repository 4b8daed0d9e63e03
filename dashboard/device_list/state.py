"""The list of devices as its address describes it: device_query, order, size and place."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.urls import reverse

from actions.action_requests.states import CommandStatus
from actions.devices import pagination
from actions.devices.pagination import DevicePage, Order
from actions.devices.query import VENDOR_VALUE_FILTERS, DeviceQuery, parse_device_query
from dashboard.http import read_int
from dashboard.printable import printable

SIZES = (25, 50, 100, 250)
USUAL_SIZE = 50
USUAL_SORT = "name"

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
}
MENUS = (*VENDOR_VALUE_FILTERS, "seen")
TYPED = ("version_from", "version_to", "enrolled_from", "enrolled_to", "request")
MORE = ("acted", "exemption", "gone", "outcome")

WORDS: dict[str, dict[str, str]] = {
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
    """One value that a filter offers."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter with what it offers."""

    key: str
    label: str
    options: list[Option]
    problems: list[str]
    value: str = ""

    @property
    def kind(self) -> str:
        """The type of its field, where it is typed in."""
        return "date" if self.key.startswith("enrolled") else "text"

    @property
    def one_only(self) -> bool:
        """Whether only one of its values can be chosen."""
        return self.key == "gone"


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, with the address of the list without it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class DeviceListState:
    """What an address asks to see."""

    device_query: DeviceQuery
    sort: str
    size: int

    @classmethod
    def read(cls, query: QueryDict) -> "DeviceListState":
        """Read the address; an order or a size that does not exist is the usual one."""
        sort = query.get("sort", USUAL_SORT)
        size = read_int(query.get("size"), default=USUAL_SIZE)
        return cls(
            parse_device_query(query.urlencode()),
            sort if pagination.parse_order(sort) else USUAL_SORT,
            size if size in SIZES else USUAL_SIZE,
        )

    @classmethod
    def read_text(cls, query: str) -> "DeviceListState":
        """Read the query of an address that stood in a form."""
        try:
            return cls.read(QueryDict(query.replace("\x00", "")))
        except SuspiciousOperation:  # More fields than Django reads.
            return cls.read(QueryDict())

    @property
    def order(self) -> Order:
        """By what the list is sorted."""
        return pagination.parse_order(self.sort) or Order()

    @property
    def search(self) -> str:
        """What stands in the search box."""
        return self.device_query.one("q")

    @property
    def query(self) -> str:
        """The query of this view's own address, from its first page."""
        return self.url()[1:]

    def url(self, **changes: Any) -> str:
        """The address of this view with other device_query, sort, size or place."""
        device_query = changes.pop("device_query", self.device_query)
        view = {"sort": self.sort, "size": self.size} | changes
        usual = {"sort": USUAL_SORT, "size": USUAL_SIZE}
        shown = ((k, v) for k, v in view.items() if v and v != usual.get(k))
        pairs = [*device_query.pairs(), *shown]
        return "?" + urlencode(pairs)

    def sort_url(self, key: str) -> str:
        """The address of this view sorted by a column, and the other way when it is already."""
        return self.url(sort=f"-{key}" if self.sort == key else key)

    def direction(self, key: str) -> str:
        """How a column is sorted, as aria-sort says it; "" when it is not."""
        if self.sort.removeprefix("-") != key:
            return ""
        return "descending" if self.order.descending else "ascending"

    def pager(self, page: DevicePage) -> dict[str, Any]:
        """The addresses of the pages around this one, and of other sizes."""
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
        """Everything that narrows the list, each with the way without it."""
        asked = self.device_query
        return [
            Chip(_chip_text(key, value), self.url(device_query=asked.without(key, value)))
            for key, value in asked.pairs()
        ]

    def filters(self, choices: dict[str, list[str]], keys: tuple[str, ...]) -> list[Filter]:
        """The filters of these names, with the values that the fleet has and those asked for."""
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


def device_list_url(query: str = "") -> str:
    """The address of the list that asks this."""
    return f"{reverse('devices')}?{query}" if query else reverse("devices")


def word(key: str, value: str) -> str:
    """A value of a filter in words."""
    if key in WORDS:
        return WORDS[key].get(value, printable(value))
    if key in {"status", "severity", "type", "agent"}:
        return printable(value).replace("_", " ").strip().capitalize()
    return printable(value)


def _options(key: str, offered: list[str], chosen: tuple[str, ...]) -> list[Option]:
    values = dict.fromkeys([*WORDS.get(key, {}), *offered, *chosen])
    return [Option(value, word(key, value), value in chosen) for value in values]


def _chip_text(key: str, value: str) -> str:
    if key == "q":
        return f"“{printable(value)[:40]}”"
    text = value[:8] if key == "request" else word(key, value)
    return f"{LABELS[key]}: {text[:60]}"
