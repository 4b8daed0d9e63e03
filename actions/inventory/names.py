"""The names of devices: their folded form, and what is said where a text names several devices."""

from collections.abc import Sequence

from actions import json_rows
from actions.folding import fold
from actions.inventory.models import Device

NAME_KEYS = {"name": "name_key", "host_name": "host_name_key", "nickname": "nickname_key"}
"""The column with the folded text of each name, by which lists are matched."""

MAX_KEY_LENGTH = 255
"""Characters of a folded name; folding makes some texts longer, and both sides are cut alike."""

MAX_NAMED = 3
"""Devices that a refusal names; it counts the others."""


def name_key(name: str) -> str:
    """Return the form of a name by which a device is matched."""
    return fold(name)[:MAX_KEY_LENGTH]


def labels_of(keys: Sequence[int]) -> dict[int, str]:
    """Return the labels of devices by key, in order of their names."""
    if not keys:
        return {}
    rows = Device.objects.filter(pk__in=json_rows.keys(keys)).order_by("name", "id")
    return {row.pk: row.label for row in rows.only("name", "nickname", "host_name", "vendor_id")}


def names_several(labels: Sequence[str], count: int) -> str:
    """Return what is wrong with a text that names `count` devices, of which some are labelled."""
    more = count - len(labels)
    named = ", ".join(label[:60] for label in labels) + (f" and {more} more" if more > 0 else "")
    return f"names several devices: {named}; use their ids"
