"""The line that says how fresh the inventory is, for any page."""

from typing import Any

from django import template

from actions.inventory import selectors as inventory

register = template.Library()


@register.inclusion_tag("inventory/_sync.html")
def inventory_sync() -> dict[str, Any]:
    """Draw it with what one query tells; the page then fetches the ends by itself."""
    return {"state": inventory.inventory_status(), "is_first": True}
