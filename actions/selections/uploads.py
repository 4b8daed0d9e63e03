"""Keep a list that somebody pasted or uploaded, and freeze the devices that it surely names."""

import json
from collections.abc import Sequence
from datetime import timedelta

from django.utils.timezone import now

from actions import json_rows
from actions.action_requests.submissions import Addressing
from actions.actor import Actor
from actions.errors import NotAllowed
from actions.inventory.models import Device
from actions.selections import choose, list_matching
from actions.selections.list_parser import Row
from actions.selections.models import Selection, UploadedList


def keep_list(rows: Sequence[Row], actor: Actor, *, name: str = "") -> UploadedList:
    """Keep a list that was read whole, for the person who brought it."""
    if actor.user_id is None:
        raise NotAllowed("Only a person picks devices.")
    return UploadedList.objects.create(
        user_id=actor.user_id,
        name=name[:255],
        content=json.dumps([[row.number, *row.cells] for row in rows]),
        width=max(len(row.cells) for row in rows),
        line_count=len(rows),
        made_at=now(),
    )


def choose_matched(
    lines: Sequence[list_matching.Line], actor: Actor, addressing: Addressing
) -> Selection | None:
    """Freeze the devices of the matched lines that the vendor is told by `addressing`.

    A device without an id is told by its MAC, and a request takes ids or MACs, never both.
    Returns None when there is no such device.
    """
    targets = targets_by(lines)[addressing]
    if not targets:
        return None
    return choose.choose_targets(targets, actor, addressing=addressing)


def targets_by(lines: Sequence[list_matching.Line]) -> dict[Addressing, list[tuple[str, int]]]:
    """The devices of the matched lines, in their order, by what the vendor can be told of them."""
    keys = [line.device for line in lines if line.bucket == "matched" and line.device]
    rows = Device.objects.filter(pk__in=json_rows.keys(keys))
    known = {key: (name, mac) for key, name, mac in rows.values_list("pk", "vendor_id", "mac")}
    found: dict[Addressing, list[tuple[str, int]]] = {"ids": [], "macs": []}
    for key in filter(known.__contains__, keys):
        name, mac = known[key]
        if name or mac:
            found["ids" if name else "macs"].append((name or mac, key))
    return found


def drop_old() -> int:
    """Drop the lists that nobody needs any more; returns how many."""
    old = now() - timedelta(days=choose.KEPT_DAYS)
    return UploadedList.objects.filter(made_at__lt=old).delete()[0]
