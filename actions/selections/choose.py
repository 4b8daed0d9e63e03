"""Freeze the devices that somebody has chosen, so that what is confirmed is what is sent."""

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
from actions.catalog import ActionKind
from actions.errors import NotAllowed, Refused
from actions.inventory.models import Device
from actions.selections import preview
from actions.selections.models import SelectedDevice, Selection

KEPT_DAYS = 7
"""Days after which a selection that nobody sent is dropped."""

NOTHING = "No device was chosen, or none matches any more."


@transaction.atomic
def choose_devices(
    devices: QuerySet[Device],
    actor: Actor,
    *,
    origin: Selection.Origin = Selection.Origin.LIST,
    query: str = "",
) -> Selection:
    """Freeze these devices, by id and in order of name.

    `query` is the query by which all that match were chosen. Raises Refused when there is none.
    """
    selection = _begin(actor, origin, "ids", query)
    try:
        _copy(devices.order_by("name", "id").values_list("pk", "vendor_id"), selection)
    except EmptyResultSet:
        raise Refused.because("", NOTHING) from None
    if not selection.device_count:
        raise Refused.because("", NOTHING)
    return selection


@transaction.atomic
def choose_targets(
    targets: Sequence[tuple[str, int | None]],
    actor: Actor,
    *,
    addressing: Addressing,
    origin: Selection.Origin = Selection.Origin.PICK,
) -> Selection:
    """Freeze these ids or MACs, each with the key of its device or None, in the order given."""
    selection = _begin(actor, origin, addressing, "")
    table = SelectedDevice._meta.db_table
    with connection.cursor() as cursor:
        # Nothing but names and placeholders of this project stands in the text.
        cursor.execute(
            f"INSERT INTO {table} (selection_id, device_id, target) "  # noqa: S608
            f"SELECT %s, wish.id, wish.target FROM ({json_rows.PAIRS[connection.vendor]}) AS wish "
            "ORDER BY wish.place",
            [selection.pk, json.dumps(targets, ensure_ascii=False)],
        )
    selection.device_count = len(targets)
    selection.save(update_fields=["device_count"])
    return selection


@transaction.atomic
def choose_part(selection: Selection, chosen: QuerySet[SelectedDevice], actor: Actor) -> Selection:
    """A new selection with only these devices of another one; that one stays as it was.

    Raises NotAllowed when the other one is somebody else's.
    """
    if selection.user_id != actor.user_id:
        raise NotAllowed("This selection is somebody else's.")
    part = _begin(actor, Selection.Origin.PART, selection.addressing, selection.query)
    part.parent = selection.parent or selection
    rows = chosen.filter(selection=selection).order_by("id")
    return _copy(rows.values_list("device_id", "target"), part)


def drop_ruled(
    selection: Selection, kind: ActionKind, version: str, rules: Collection[str], actor: Actor
) -> Selection:
    """A new selection without the devices that one of these rules decides."""
    left = preview.remaining(selection, kind, version, rules)
    return choose_part(selection, SelectedDevice.objects.filter(pk__in=json_rows.keys(left)), actor)


def drop_old() -> int:
    """Drop what nobody sent; returns how many selections."""
    old = Selection.objects.filter(made_at__lt=now() - timedelta(days=KEPT_DAYS))
    if not old.exists():
        return 0
    SelectedDevice.objects.filter(selection__in=old).delete()
    return old.delete()[0]


def targets_of(selection: Selection) -> list[str]:
    """The ids or MACs of a selection, in their order."""
    return list(selection.chosen.order_by("id").values_list("target", flat=True))


def _copy(wanted: QuerySet[Any, Any], selection: Selection) -> Selection:
    """Let the database itself copy these devices and targets into the selection."""
    sql, params = wanted.query.sql_with_params()
    table = SelectedDevice._meta.db_table
    with connection.cursor() as cursor:
        # The inner text is made by Django from a queryset; its values are parameters.
        cursor.execute(
            f"INSERT INTO {table} (selection_id, device_id, target) "  # noqa: S608
            f"SELECT %s, found.* FROM ({sql}) AS found",
            [selection.pk, *params],
        )
        selection.device_count = cursor.rowcount
    selection.save(update_fields=["device_count", "parent"])
    return selection


def _begin(actor: Actor, origin: Selection.Origin, addressing: str, query: str) -> Selection:
    if actor.user_id is None:
        raise NotAllowed("Only a person chooses devices.")
    return Selection.objects.create(
        user_id=actor.user_id,
        origin=origin,
        addressing=addressing,
        query=query,
        device_count=0,
        made_at=now(),
    )
