"""Audit lines of failed sign-ins.

Anybody who reaches the console can fail to sign in, and the trail is append-only: so a name that
nobody has has a ceiling of lines (`trail.ceilings`), and further tries are recorded as a number.
The lines of a user's name need none, because the guard bounds the tries. A name that nobody has is
stored as a keyed hash: it may be a password.
"""

from collections import defaultdict
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.roles import Role
from actions.trail import ceilings, trail
from actions.trail.verbs import Verb
from dashboard.models import KnownPlace, SignInCounter, User
from dashboard.names import name_key
from dashboard.sign_in import guard


def pseudonym(name: str) -> str:
    """Return how the trail names a name that nobody has."""
    return f"unknown:{guard.hash_of('name', name_key(name))[:12]}"


def failed(actor: Actor, name: str, person: User | None, admitted: guard.Try | None) -> None:
    """Record a failed sign-in, and the lock of the name if this failure begins one."""
    if person is not None:
        reason = "wrong password" if person.is_active else "inactive"
        data: dict[str, Any] = {"problems": {"": [reason]}}
    elif ceilings.admit(actor, Verb.PERSON_SIGN_IN_FAILED):
        data = {"problems": {"": ["unknown name"]}, "name_length": len(name)}
    else:
        return
    if admitted and admitted.refused:
        data["further_tries"] = admitted.refused
    _record(actor, Verb.PERSON_SIGN_IN_FAILED, **data)
    if admitted and admitted.is_new_lock:
        wait = guard.wait_after(guard.FREE_TRIES).total_seconds()
        text = f"{guard.FREE_TRIES} failed sign-ins. The next one waits {wait:.0f} s, then longer."
        _record(actor, Verb.PERSON_LOCKED, detail=text)


def signed_in(actor: Actor, admitted: guard.Try | None) -> None:
    """Record a sign-in, with the number of tries that were refused before it."""
    data = {"further_tries": admitted.refused} if admitted and admitted.refused else {}
    _record(actor, Verb.PERSON_SIGNED_IN, **data)


def _record(actor: Actor, verb: Verb, **data: Any) -> None:
    trail.record(actor, verb, subject_kind="person", subject=actor.name, **data)


@transaction.atomic
def drop_expired() -> None:
    """Remove counters and places that have expired; record the tries that no line covers yet."""
    KnownPlace.objects.filter(expires_at__lt=now()).delete()
    # A row that a try has locked is left for the next time: waiting for it could deadlock.
    rows = SignInCounter.objects.select_for_update(of=("self",), skip_locked=True)
    expired = rows.filter(expires_at__lt=now())
    untold: dict[User | None, int] = defaultdict(int)
    for counter in expired.order_by("pk"):
        untold[counter.person] += counter.refused
        counter.delete()
    for person, number in untold.items():
        if number:
            _record_further(person, number)


def _record_further(person: User | None, number: int) -> None:
    role = Role(person.role) if person else Role.VIEWER
    key = person.pk if person else None
    actor = Actor(person.username if person else "unknown", role, "page", user_id=key)
    text = f"{number} further tries were refused or not recorded one by one."
    _record(actor, Verb.PERSON_SIGN_IN_FAILED, detail=text, further_tries=number)
