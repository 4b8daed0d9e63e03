"""Freeze the chosen devices, so that the devices that are confirmed are the ones that are sent."""

import json
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from actions import json_rows
from actions.action_requests.submissions import Addressing
from actions.actor import Actor
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.catalog import ActionKind
from actions.errors import Code, NotAllowed, Refused
from actions.inventory.models import Device
from actions.roles import check_submits
from actions.selections import preview
from actions.selections.models import SelectedDevice, Selection
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb

SELECTION_KEPT_DAYS = 7
"""Days after which a selection or an uploaded list is deleted."""

MAX_SELECTIONS = 100
"""Selections that are kept of one person; a new one replaces the oldest."""

NO_DEVICES = "No device was chosen, or none matches any more."


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("selection", ""))
@transaction.atomic
def choose_devices(
    devices: QuerySet[Device],
    actor: Actor,
    *,
    origin: Selection.Origin = Selection.Origin.LIST,
    query: str = "",
) -> Selection:
    """Freeze devices, addressed by id and ordered by name.

    `query` is the list's query if all matching devices were chosen. Raises Refused if there is no
    device.
    """
    selection = _create(actor, origin, "ids", query)
    try:
        _copy(devices.order_by("name", "id").values_list("pk", "vendor_id"), selection)
    except EmptyResultSet:
        raise Refused.because("", Code.DEVICES_MISSING, NO_DEVICES) from None
    if not selection.device_count:
        raise Refused.because("", Code.DEVICES_MISSING, NO_DEVICES)
    return selection


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("selection", ""))
@transaction.atomic
def choose_targets(
    targets: Sequence[tuple[str, int | None]],
    actor: Actor,
    *,
    addressing: Addressing,
    origin: Selection.Origin = Selection.Origin.PICK,
) -> Selection:
    """Freeze ids or MACs, each with the key of its device or None, in the given order."""
    selection = _create(actor, origin, addressing, "")
    table = SelectedDevice._meta.db_table
    with connection.cursor() as cursor:
        # The SQL text holds only placeholders and names of this project.
        cursor.execute(
            f"INSERT INTO {table} (selection_id, device_id, target) "  # noqa: S608
            f"SELECT %s, pair.id, pair.target FROM ({json_rows.PAIRS[connection.vendor]}) AS pair "
            "ORDER BY pair.place",
            [selection.pk, json.dumps(targets, ensure_ascii=False)],
        )
    selection.device_count = len(targets)
    selection.save(update_fields=["device_count"])
    return selection


def _refusal_line(selection: Selection, **_: Any) -> dict[str, Any]:
    return {"subject_kind": "selection", "subject": str(selection.uuid)}


@records_refusals(Verb.SELECTION_REFUSED, _refusal_line)
@transaction.atomic
def choose_part(selection: Selection, chosen: QuerySet[SelectedDevice], actor: Actor) -> Selection:
    """Create a selection of only these devices of another one, which stays unchanged.

    Raises NotAllowed if the other one belongs to another person.
    """
    if selection.user_id != actor.user_id:
        raise NotAllowed(Code.NOT_YOUR_SELECTION, "This selection belongs to another person.")
    part = _create(actor, Selection.Origin.PART, selection.addressing, selection.query)
    part.parent = selection.parent or selection
    rows = chosen.filter(selection=selection).order_by("id")
    return _copy(rows.values_list("device_id", "target"), part)


def exclude_by_rules(
    selection: Selection, kind: ActionKind, version: str, rules: Collection[str], actor: Actor
) -> Selection:
    """Create a selection without the devices that one of these rules decides."""
    keys = preview.remaining(selection, kind, version, rules)
    return choose_part(selection, SelectedDevice.objects.filter(pk__in=json_rows.keys(keys)), actor)


def drop_old() -> int:
    """Delete selections older than SELECTION_KEPT_DAYS; return how many."""
    old = Selection.objects.filter(made_at__lt=now() - timedelta(days=SELECTION_KEPT_DAYS))
    if not old.exists():
        return 0
    SelectedDevice.objects.filter(selection__in=old).delete()
    return old.delete()[0]


def targets_of(selection: Selection) -> list[str]:
    """Return the ids or MACs of a selection, in order."""
    return list(selection.chosen.order_by("id").values_list("target", flat=True))


def _copy(rows: QuerySet[Any, Any], selection: Selection) -> Selection:
    """Copy device keys and targets into the selection, inside the database."""
    sql, params = rows.query.sql_with_params()
    table = SelectedDevice._meta.db_table
    with connection.cursor() as cursor:
        # Django made the inner SQL from a queryset; its values are parameters.
        cursor.execute(
            f"INSERT INTO {table} (selection_id, device_id, target) "  # noqa: S608
            f"SELECT %s, found.* FROM ({sql}) AS found",
            [selection.pk, *params],
        )
        selection.device_count = cursor.rowcount
    selection.save(update_fields=["device_count", "parent"])
    return selection


def _drop_surplus(user_id: int) -> None:
    """Delete the oldest selections of a person who has MAX_SELECTIONS of them."""
    own = Selection.objects.filter(user_id=user_id).order_by("-made_at", "-id")
    surplus = list(own.values_list("pk", flat=True)[MAX_SELECTIONS - 1 :])
    if surplus:
        SelectedDevice.objects.filter(selection__in=surplus).delete()
        Selection.objects.filter(pk__in=surplus).delete()


def _create(actor: Actor, origin: Selection.Origin, addressing: str, query: str) -> Selection:
    if actor.user_id is None:
        raise NotAllowed(Code.PERSON_REQUIRED, "Only a person may choose devices.")
    check_submits(actor.role)
    budget.take(actor, Budget.SELECTIONS)
    _drop_surplus(actor.user_id)
    return Selection.objects.create(
        user_id=actor.user_id,
        origin=origin,
        addressing=addressing,
        query=query,
        device_count=0,
        made_at=now(),
    )
