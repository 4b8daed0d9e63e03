"""Ceilings on the lines that refusals write, because the trail keeps every line.

In one minute, all strangers together get STRANGERS lines, and a person gets PERSON lines for
refusals of one kind. Further ones are counted. Once the minute is over, one line tells how many.
"""

import hashlib
from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.roles import Role
from actions.trail import trail
from actions.trail.models import RefusalCount
from actions.trail.verbs import Verb, label_of

STRANGERS, PERSON = 20, 30
SPAN = timedelta(minutes=1)
KEPT = timedelta(hours=1)
"""How long a count is kept after its minute."""

OF_STRANGERS = "strangers"


def admit(actor: Actor, verb: Verb, codes: str = "") -> bool:
    """Return whether this refusal gets a line of its own; otherwise it is counted."""
    name, ceiling = OF_STRANGERS, STRANGERS
    if not actor.is_stranger:
        text = "|".join([str(actor.user_id), actor.label, verb, codes])
        name, ceiling = hashlib.sha256(text.encode()).hexdigest()[:32], PERSON
    line = {"verb": verb, "actor": actor.name, "user_id": actor.user_id, "role": actor.role}
    line |= {"source": actor.source, "on_behalf_of": actor.on_behalf_of, "address": actor.address}
    with transaction.atomic():
        count = _locked(name)
        if count.started_at + SPAN <= now():
            _tell(count)
        admitted = count.told < ceiling
        if admitted:
            count.told += 1
        else:
            count.untold += 1
            count.line = line
        count.save()
    return admitted


def _locked(name: str) -> RefusalCount:
    while True:  # An old count may be deleted before it is locked.
        fresh = RefusalCount(name=name, started_at=now())
        RefusalCount.objects.bulk_create([fresh], ignore_conflicts=True)
        if count := RefusalCount.objects.select_for_update().filter(name=name).first():
            return count


def tell_counted() -> None:
    """Write the lines of minutes that are over; delete counts that are no longer used."""
    for name in RefusalCount.objects.filter(started_at__lte=now() - SPAN).values_list("name"):
        with transaction.atomic():
            rows = RefusalCount.objects.select_for_update()
            count = rows.filter(name=name[0], started_at__lte=now() - SPAN).first()
            if count is None:
                continue
            old = count.started_at + KEPT <= now()
            if count.untold:
                _tell(count)
                count.save()
            elif old:
                count.delete()


def _tell(count: RefusalCount) -> None:
    """Record how many refusals were counted, and begin a new minute."""
    if count.untold:
        line, since = count.line, count.started_at
        is_person = count.name != OF_STRANGERS
        of = f"of “{label_of(line['verb'])}”" if is_person else "of unknown visitors"
        trail.record(
            Actor(
                name=line["actor"] if is_person else "unknown visitors",
                role=Role(line["role"]),
                source=line["source"],
                user_id=line["user_id"],
                address=line["address"],
                on_behalf_of=line["on_behalf_of"],
            ),
            Verb.FURTHER_REFUSED,
            subject_kind="verb" if is_person else "page",
            subject=line["verb"] if is_person else "",
            detail=f"{count.untold} further refusals {of} were not recorded one by one.",
            further=count.untold,
            since=since.isoformat(timespec="seconds"),
        )
    count.started_at, count.told, count.untold = now(), 0, 0
