"""Keep a pasted or uploaded list, and freeze the devices that it matches without doubt."""

import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from actions import json_rows
from actions.action_requests.submissions import Addressing
from actions.actor import Actor
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.errors import Code, NotAllowed, Refused
from actions.inventory.models import Device
from actions.roles import check_submits
from actions.selections import choose, list_matching
from actions.selections.list_parser import Row, texts_and_reasons
from actions.selections.list_reader import Choice, Reading, read_list, reading_from
from actions.selections.models import Selection, UploadedList
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb

MAX_LISTS = 20
"""Lists that are kept of one person; a new one replaces the oldest."""


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("list", ""))
def admit_upload(actor: Actor) -> None:
    """Count an upload before any of it is read.

    Raises NotAllowed for a role that may not act on devices, OverBudget beyond the limit of a
    minute.
    """
    check_submits(actor.role)
    budget.take(actor, Budget.UPLOADS)


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("list", ""))
@transaction.atomic
def keep_list(
    rows: Sequence[Row],
    actor: Actor,
    *,
    name: str = "",
    original: bytes = b"",
    reading: Reading | None = None,
) -> UploadedList:
    """Store a list that was read completely, for the person who uploaded it."""
    if actor.user_id is None:
        raise NotAllowed(Code.PERSON_REQUIRED, "Only a person may upload a list.")
    own = UploadedList.objects.filter(user_id=actor.user_id).order_by("-made_at", "-id")
    surplus = list(own.values_list("pk", flat=True)[MAX_LISTS - 1 :])
    UploadedList.objects.filter(pk__in=surplus).delete()
    return UploadedList.objects.create(
        user_id=actor.user_id,
        name=name[:255],
        content=json.dumps([[row.number, *_stored_cells(row)] for row in rows]),
        original=original,
        reading=(reading or Reading()).as_json(),
        width=max(len(row.cells) for row in rows),
        line_count=len(rows),
        made_at=now(),
    )


@records_refusals(Verb.SELECTION_REFUSED, fixed_subject("list", ""))
def read_again(uploaded: UploadedList, choice: Choice, actor: Actor) -> UploadedList:
    """Read a person's own list in another way and store the result as a new list.

    Raises NotAllowed for another person's list, and Refused if it cannot be read in that way.
    """
    if uploaded.user_id != actor.user_id:
        raise NotAllowed(Code.NOT_YOUR_LIST, "This list belongs to another person.")
    admit_upload(actor)
    original = bytes(uploaded.original)
    if not original:
        raise Refused.because("", Code.FILE_UNREADABLE, "Upload the list again to read it so.")
    found = read_list(uploaded.name, original, choice)
    return keep_list(
        found.rows, actor, name=uploaded.name, original=original, reading=found.reading
    )


def own_list(token: UUID, user_id: int) -> UploadedList | None:
    """Return a person's own list; None for another person's."""
    return UploadedList.objects.filter(uuid=token, user_id=user_id).first()


def exists(token: UUID) -> bool:
    """Return whether any person has this list."""
    return UploadedList.objects.filter(uuid=token).exists()


def rows_of(uploaded: UploadedList) -> list[Row]:
    """Return the lines of a list as they were read."""
    texts, refused = texts_and_reasons(json.loads(uploaded.content))
    return [Row(number, cells, refused.get(number, {})) for number, cells in texts]


def reading_of(uploaded: UploadedList) -> Reading:
    """Return how a list was read."""
    return reading_from(uploaded.reading)


def _stored_cells(row: Row) -> list[str | list[str]]:
    if not row.refused:
        return [*row.cells]
    return [
        [cell, row.refused[place]] if place in row.refused else cell
        for place, cell in enumerate(row.cells)
    ]


def choose_matched(
    lines: Sequence[list_matching.Line], actor: Actor, addressing: Addressing
) -> Selection | None:
    """Freeze the devices of the matched lines that are addressed by `addressing`.

    A device without an id is addressed by its MAC, and a request holds ids or MACs, never both.
    Returns None if there is no such device.
    """
    targets = targets_by_addressing(lines)[addressing]
    if not targets:
        return None
    return choose.choose_targets(targets, actor, addressing=addressing)


def targets_by_addressing(
    lines: Sequence[list_matching.Line],
) -> dict[Addressing, list[tuple[str, int]]]:
    """Return target and key of the matched devices, in order, by how they can be addressed."""
    keys = [line.device for line in lines if line.bucket == "matched" and line.device]
    rows = Device.objects.filter(pk__in=json_rows.keys(keys))
    known = {key: (name, mac) for key, name, mac in rows.values_list("pk", "vendor_id", "mac")}
    targets: dict[Addressing, list[tuple[str, int]]] = {"ids": [], "macs": []}
    for key in filter(known.__contains__, keys):
        vendor_id, mac = known[key]
        if vendor_id or mac:
            targets["ids" if vendor_id else "macs"].append((vendor_id or mac, key))
    return targets


def drop_old() -> int:
    """Delete lists older than SELECTION_KEPT_DAYS; return how many."""
    oldest = now() - timedelta(days=choose.SELECTION_KEPT_DAYS)
    return UploadedList.objects.filter(made_at__lt=oldest).delete()[0]
