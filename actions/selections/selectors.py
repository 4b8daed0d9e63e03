"""What the pages show of chosen devices."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from actions.action_requests.submissions import Addressing
from actions.devices import filters
from actions.devices.query import parse_device_query
from actions.inventory.models import Device
from actions.selections.models import SelectedDevice, Selection

Chosen = Selection
"""The name by which the web knows a selection."""


def own_selection(token: UUID | str, user_id: int) -> Selection | None:
    """A person's own selection; nobody sees another's."""
    return Selection.objects.select_related("parent").filter(uuid=token, user_id=user_id).first()


def addressing(selection: Selection | None) -> Addressing:
    """Whether the vendor is told ids or MACs."""
    return "macs" if selection and selection.addressing == "macs" else "ids"


def sample(selection: Selection, most: int) -> list[SelectedDevice]:
    """The first of the chosen devices."""
    return list(selection.chosen.select_related("device").order_by("id")[:most])


@dataclass(frozen=True, slots=True)
class Drift:
    """How many devices began and ceased to match the list's query since they were chosen."""

    began: int = 0
    ceased: int = 0
    query: str = ""

    def __bool__(self) -> bool:
        return bool(self.began or self.ceased)


def drift(selection: Selection) -> Drift:
    """What the list would find now, against what it found when the devices were chosen.

    A part is compared with the whole that it was made from: what a person left out did not begin
    to match.
    """
    whole = selection.parent or selection
    if not whole.query:
        return Drift()
    found = asked(whole.query)
    known = SelectedDevice.objects.filter(selection=whole, device=OuterRef("pk"))
    began = found.exclude(Exists(known))
    ceased = selection.chosen.exclude(device__in=found.values("pk"))
    return Drift(began.values("pk").distinct().count(), ceased.count(), asked_by(whole))


def asked_by(whole: Selection) -> str:
    """The list's query by which it was chosen, for a link that asks it again."""
    return parse_device_query(whole.query).text


def asked(query: str) -> QuerySet[Device]:
    """The devices that the list shows for this query string."""
    return filters.matching(query).order_by()
