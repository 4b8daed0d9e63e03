"""Reads of selections for screens."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef

from actions.action_requests.submissions import Addressing
from actions.devices import filters
from actions.devices.query import parse_device_query
from actions.selections.models import SelectedDevice, Selection

Chosen = Selection
"""The type of a selection, for annotations in dashboard, which does not import tables."""


def own_selection(token: UUID | str, user_id: int) -> Selection | None:
    """Return a person's own selection; None for another person's."""
    return Selection.objects.select_related("parent").filter(uuid=token, user_id=user_id).first()


def exists(token: UUID) -> bool:
    """Return whether any person has this selection."""
    return Selection.objects.filter(uuid=token).exists()


def addressing(selection: Selection | None) -> Addressing:
    """Return whether the devices are sent to the vendor as ids or as MACs."""
    return "macs" if selection and selection.addressing == "macs" else "ids"


def sample(selection: Selection, limit: int) -> list[SelectedDevice]:
    """Return the first `limit` devices of a selection."""
    return list(selection.chosen.select_related("device").order_by("id")[:limit])


@dataclass(frozen=True, slots=True)
class Drift:
    """How many devices began or ceased to match the list's query since they were chosen.

    `query` is that query without the excluded devices, for a link to the list.
    """

    began: int = 0
    ceased: int = 0
    query: str = ""

    def __bool__(self) -> bool:
        return bool(self.began or self.ceased)


def drift(selection: Selection) -> Drift:
    """Compare the devices that the query matches now with those that were chosen by it.

    A part of a selection is compared with the whole selection: a device that a person left out
    has not begun to match.
    """
    whole = selection.parent or selection
    if not whole.query:
        return Drift()
    matching = filters.matching(whole.query).order_by()
    chosen = SelectedDevice.objects.filter(selection=whole, device=OuterRef("pk"))
    began = matching.exclude(Exists(chosen))
    ceased = selection.chosen.exclude(device__in=matching.values("pk"))
    query = parse_device_query(whole.query).as_url()
    return Drift(began.values("pk").distinct().count(), ceased.count(), query)
