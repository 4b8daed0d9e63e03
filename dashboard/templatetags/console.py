"""How values are written on a page."""

from typing import Any

from django import template

from actions.trail.verbs import label_of
from dashboard.printable import printable

register = template.Library()

register.filter(printable)


@register.filter
def spaced(word: str) -> str:
    """A vendor's word as we write it: out_of_license_usage becomes Out of license usage."""
    return printable(word).replace("_", " ").strip().capitalize() or "Not told"


@register.filter
def verb_label(verb: str) -> str:
    """Return the label of a verb of the trail: request.submitted becomes Request submitted."""
    return printable(label_of(verb))


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
    """Of which kind an audit line is, for how long, and how many devices it is about."""
    count = event.count
    devices = f"{count:,} device{'' if count == 1 else 's'}" if count is not None else ""
    hours = (getattr(event, "params", None) or {}).get("exempt_time")
    kind = f"{event.kind} {duration(hours)}" if isinstance(hours, int) else event.kind
    return ", ".join(filter(None, (kind, getattr(event, "api", None) or "", devices)))


@register.filter
def printable_lines(text: str) -> str:
    """Several lines, each with every character made visible that would hide itself."""
    return "\n".join(printable(line) for line in text.split("\n"))
