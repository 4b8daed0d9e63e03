"""The line about the freshness of the inventory, for any page."""

from typing import Any

from django import template

from actions.inventory import selectors as inventory

register = template.Library()


@register.inclusion_tag("inventory/_sync.html")
def inventory_sync() -> dict[str, Any]:
    """Render the line from one query; the page then fetches the estimated end with htmx."""
    return {"state": inventory.inventory_status(), "is_first": True}
