"""The query of the audit trail, as the address of a page, an export and a manifest hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

MAX_VALUE_LENGTH = 200
"""Characters of a value; longer ones are cut."""

MIN_SEARCH_LENGTH = 3
"""Characters of a search; the trigram index finds nothing shorter."""

OLD_NAMES = {"click": "http_request_id"}
"""Former names of parts, in old addresses and stored queries."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A search and filters of the trail; an empty part is off, and all others must hold.

    `q` searches the text of a line. `device` is an id, MAC or name that a device ever had,
    `request` the id of an action request, `http_request_id` the id of a request to the web server.
    """

    q: str = ""
    device: str = ""
    person: str = ""
    verb: str = ""
    kind: str = ""
    outcome: str = ""
    source: str = ""
    request: str = ""
    call: str = ""
    http_request_id: str = ""
    since: str = ""
    until: str = ""

    @property
    def values(self) -> dict[str, str]:
        """The parts that are not empty, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name))}

    def as_url(self) -> str:
        """Return the query part of an address; equal queries return equal texts."""
        return urlencode(self.values)

    def without(self, name: str) -> "AuditQuery":
        """Return the query without one part."""
        return replace(self, **{name: ""})

    @property
    def starts_at(self) -> datetime | None:
        """The earliest time of a line, included."""
        return parse_time(self.since)

    @property
    def ends_at(self) -> datetime | None:
        """The latest time of a line, not included; `until` a day includes all of that day."""
        at = parse_time(self.until)
        if at is None or len(self.until) > 10 or at.date() == date.max:
            return at
        return at + timedelta(days=1)

    @property
    def problems(self) -> dict[str, list[str]]:
        """Why parts are invalid, by name; a query with problems has no result."""
        problems = {
            name: ["Write a day as 2026-01-31, or a time as 2026-01-31T18:00 (UTC)."]
            for name in ("since", "until")
            if getattr(self, name) and parse_time(getattr(self, name)) is None
        }
        if 0 < len(self.q) < MIN_SEARCH_LENGTH:
            problems["q"] = [f"Write at least {MIN_SEARCH_LENGTH} characters to search for."]
        if not problems and self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            problems["until"] = ["The end lies before the start."]
        if self.call and not (self.call.isascii() and self.call.isdigit() and len(self.call) < 19):
            problems["call"] = ["A call is identified by its number."]
        return problems


NAMES = tuple(field.name for field in fields(AuditQuery))


def parse_audit_query(given: Mapping[str, str]) -> AuditQuery:
    """Parse a query from the parameters of an address; unknown parameters are ignored."""
    old = {new: given[name] for name, new in OLD_NAMES.items() if name in given}
    parts = {name: given.get(name) or old.get(name) or "" for name in NAMES}
    return AuditQuery(**{name: _cleaned(text) for name, text in parts.items()})


def _cleaned(text: str) -> str:
    return text.replace("\x00", "").strip()[:MAX_VALUE_LENGTH]


def parse_time(text: str) -> datetime | None:
    """Parse a time in ISO 8601, in UTC if it has no offset, else return None."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return None
