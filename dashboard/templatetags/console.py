"""Template filters that format values, and tags for the parts of a row of a table.

A tag takes less time than an included template, and a long table has hundreds of them.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from actions.action_requests.explanations import Explanation, explain
from actions.trail.verbs import label_of
from dashboard.printable import printable

if TYPE_CHECKING:
    from actions.action_requests.models import DeviceCommand
    from actions.trail.models import AuditEvent

register = template.Library()

register.filter(printable)


@register.simple_tag
def icon(name: str, suffix: str = "") -> SafeString:
    """Return an icon of the sprite, named `name` and `suffix` joined."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}{}"></use></svg>',
        static("icons.svg"),
        name,
        suffix,
    )


@register.simple_tag
def time(at: datetime | None) -> SafeString:
    """Return a point in time as an element with UTC text, which page.js makes relative."""
    if not at:
        return mark_safe('<span class="muted">never</span>')  # A constant: nothing to escape.
    at = at.astimezone(UTC)
    text = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return format_html(
        '<time datetime="{}" data-relative title="{}">{}</time>', at.isoformat(), text, text
    )


@register.simple_tag
def status(value: str, label: str) -> SafeString:
    """Return a command's status with its icon and label."""
    return _mark("status", value, label)


@register.simple_tag
def state(value: str, label: str) -> SafeString:
    """Return a device's status with its icon and label."""
    return _mark("state", value, label)


def _mark(family: str, value: str, label: str) -> SafeString:
    return format_html(
        '<span class="{0} {0}-{1}">{2}{3}</span>', family, value, icon(f"{family}-", value), label
    )


@register.filter
def explained(command: "DeviceCommand") -> Explanation:
    """Return what happened to a command and what to do next."""
    return explain(command)


@register.filter
def spaced(word: str) -> str:
    """Format a vendor's identifier: out_of_license_usage becomes Out of license usage."""
    return printable(word).replace("_", " ").strip().capitalize() or "Unknown"


@register.filter
def verb_label(verb: str) -> str:
    """Return the label of a verb of the trail: request.submitted becomes Request submitted."""
    return printable(label_of(verb))


@register.filter
def duration(hours: int) -> str:
    """Format the hours of an exemption; the vendor uses 0 for no end."""
    if hours == 0:
        return "permanently"
    whole_days = f" ({hours // 24} days)" if hours >= 48 and hours % 24 == 0 else ""
    return f"for {hours:,} h{whole_days}"


@register.filter
def size(count: float | None) -> str:
    """Format a number of bytes in the unit that suits it, with the sign of a shrinkage."""
    if count is None:
        return "\u2013"
    value, sign = abs(float(count)), "\u2212" if count <= -0.5 else ""
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            break
        value /= 1024
    return (
        f"{sign}{value:,.0f} {unit}" if unit == "B" or value >= 100 else f"{sign}{value:.1f} {unit}"
    )


@register.filter
def signed(number: int | None) -> str:
    """Format a status number with a minus sign (U+2212), None as a dash."""
    return "\u2013" if number is None else str(number).replace("-", "\u2212")


@register.filter
def event_extent(event: "AuditEvent") -> str:
    """Return the kind of an audit line, its hours, its API and its number of devices."""
    count = event.count
    devices = f"{count:,} device{'' if count == 1 else 's'}" if count is not None else ""
    hours = (getattr(event, "params", None) or {}).get("exempt_time")
    kind = f"{event.kind} {duration(hours)}" if isinstance(hours, int) else event.kind
    return ", ".join(filter(None, (kind, getattr(event, "api", None) or "", devices)))


@register.filter
def printable_lines(text: str) -> str:
    """Make each line of a text printable."""
    return "\n".join(printable(line) for line in text.split("\n"))
