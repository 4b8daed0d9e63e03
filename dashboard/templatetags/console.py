"""How values are written on a page."""

import json
from typing import Any

from django import template

from dashboard.texts import shown

register = template.Library()

register.filter(shown)


@register.filter
def spaced(word: str) -> str:
    """A vendor's word as we write it: out_of_license_usage becomes Out of license usage."""
    return shown(word).replace("_", " ").strip().capitalize() or "Not told"


@register.filter
def event_words(verb: str) -> str:
    """A verb of the trail in words: request.submitted becomes Request submitted."""
    return shown(verb).replace(".", " ").replace("_", " ").capitalize()


@register.filter
def duration(hours: int) -> str:
    """Hours of an exemption in words; 0 is the vendor's value for no end."""
    if hours == 0:
        return "for ever"
    whole_days = f" ({hours // 24} days)" if hours >= 48 and hours % 24 == 0 else ""
    return f"for {hours:,} h{whole_days}"


@register.filter
def signed(number: int | None) -> str:
    """A status number of the vendor, with a true minus sign; a dash when there is none."""
    return "\u2013" if number is None else str(number).replace("-", "\u2212")


@register.filter
def event_extent(event: Any) -> str:
    """Of which kind an audit line is, and how many devices it is about."""
    found = event.data.get("count", event.data.get("devices"))
    count = len(found) if isinstance(found, list) else found
    devices = f"{count:,} device{'' if count == 1 else 's'}" if isinstance(count, int) else ""
    return ", ".join(filter(None, (str(event.data.get("kind", "")), devices)))


@register.filter
def as_json(data: Any) -> str:
    """The details of an audit line as they are stored, a line for each; nothing in it is hidden."""
    return json.dumps(data, indent=1)
