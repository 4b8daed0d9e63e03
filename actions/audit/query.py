"""A query to the trail, as a page's address, an export and a manifest hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta

MAX_TIME = 200
"""Characters of each part."""

MIN_TIME = 3
"""Characters of a search: what is shorter stands in no index."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What of the trail is asked for; an empty part asks for all.

    `q` are words in reason, ticket, deed, name or rule; `device` an id, MAC or any name that a
    device ever had; `request` an action request's id; `click` the id of a request to the web.
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
    click: str = ""
    since: str = ""
    until: str = ""

    def view(self) -> dict[str, str]:
        """The parts that say something, as an address holds them."""
        return {name: value for name in NAMES if (value := getattr(self, name))}

    def without(self, name: str) -> dict[str, str]:
        """The address without one part."""
        return {key: value for key, value in self.view().items() if key != name}

    @property
    def first_moment(self) -> datetime | None:
        """From when on."""
        return parse_time(self.since)

    @property
    def last_moment(self) -> datetime | None:
        """Up to when, not included: a day that is named is asked for as a whole."""
        moment = parse_time(self.until)
        if moment is None or len(self.until) > 10 or moment.date() == date.max:
            return moment
        return moment + timedelta(days=1)

    def problems(self) -> dict[str, str]:
        """What cannot be understood, by part."""
        found = {
            name: "Write a day as 2026-01-31, or a moment as 2026-01-31T18:00 (UTC)."
            for name in ("since", "until")
            if getattr(self, name) and parse_time(getattr(self, name)) is None
        }
        if 0 < len(self.q) < MIN_TIME:
            found["q"] = f"Write at least {MIN_TIME} characters to search for."
        if not found and self.since and self.until:
            first, last = self.first_moment, self.last_moment
            if first and last and first >= last:
                found["until"] = "The end lies before the beginning."
        if self.call and not (self.call.isascii() and self.call.isdigit() and len(self.call) < 19):
            found["call"] = "A call is named by its number."
        return found


NAMES = tuple(field.name for field in fields(AuditQuery))


def parse_audit_query(given: Mapping[str, str]) -> AuditQuery:
    """A query from an address; what it does not know is left out."""
    parts = {name: (given.get(name) or "").replace("\x00", "").strip()[:MAX_TIME] for name in NAMES}
    return AuditQuery(**parts)


def parse_time(text: str) -> datetime | None:
    """A moment from ISO 8601, in UTC where no offset stands; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return None
