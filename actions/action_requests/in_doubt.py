"""The commands that a restore of the database put in doubt, for the person who resumes sending."""

from dataclasses import dataclass

from django.db.models import Count

from actions.action_requests.models import DeviceCommand, DeviceCommandQuerySet
from actions.action_requests.states import CommandStatus
from actions.catalog import KINDS, ActionKind


@dataclass(frozen=True, slots=True)
class KindInDoubt:
    """How many devices of how many requests of one kind are in doubt."""

    kind: ActionKind
    devices: int
    requests: int


def by_kind() -> list[KindInDoubt]:
    """Return what is in doubt, by kind; read in an index that holds nothing else."""
    rows = _rows().order_by().values_list("request__kind_name")
    counted = rows.annotate(Count("id"), Count("request", distinct=True))
    found = {name: KindInDoubt(KINDS[name], *numbers) for name, *numbers in counted}
    return [found[name] for name in KINDS if name in found]


def listed(*, kind: str, before: int | None, size: int) -> list[DeviceCommand]:
    """Return a page of the commands in doubt, newest first, with keys below `before`."""
    rows = _rows().order_by("-id").select_related("request")
    if before:
        rows = rows.filter(pk__lt=before)
    if kind:
        rows = rows.filter(request__kind_name=kind)
    return list(rows[:size])


def _rows() -> DeviceCommandQuerySet:
    return DeviceCommand.objects.filter(
        status=CommandStatus.UNCONFIRMED, in_doubt=True, call__isnull=True
    )
