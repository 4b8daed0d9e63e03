"""Record sign-in, failed sign-in and sign-out in the audit trail.

A name that nobody has is stored as a keyed digest, because a password may be typed into its field.
"""

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from actions.actor import Actor
from actions.roles import Role
from actions.trail import ceilings, chain, trail
from actions.trail.verbs import Verb
from dashboard.models import User


def _actor(request: HttpRequest | None, name: str, person: User | None) -> Actor:
    return Actor(
        name=name,
        role=person.known_role if person else Role.VIEWER,
        source="page",
        user_id=person.pk if person else None,
        address=(request.META.get("REMOTE_ADDR") or "")[:45] if request else "",
        request_id=getattr(request, "id", ""),
    )


@receiver(user_logged_in)
def _signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    _record(_actor(request, user.username, user), Verb.PERSON_SIGNED_IN)


@receiver(user_logged_out)
def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        _record(_actor(request, user.username, user), Verb.PERSON_SIGNED_OUT)


@receiver(user_login_failed)
def _sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    typed = str(credentials.get("username", "")).replace("\x00", "")
    person = _person(typed)
    name = person.username if person else _pseudonym(typed)
    actor = _actor(request, name, person)
    if ceilings.admit(actor, Verb.PERSON_SIGN_IN_FAILED):
        problems = {"": [_reason(person)]}
        data = {} if person else {"name_length": len(typed)}
        _record(actor, Verb.PERSON_SIGN_IN_FAILED, problems=problems, **data)


def _person(typed: str) -> User | None:
    """Return the user who signs in with this name, in any spelling that signs in."""
    found = User.objects.filter(username__iexact=typed)
    return found.filter(username=typed).first() or found.first()


def _pseudonym(typed: str) -> str:
    """Return the same text for each spelling of a name that nobody has."""
    spelling = unicodedata.normalize("NFKC", typed).casefold().strip()
    key = next(iter(settings.AUDIT_KEYS.values()))
    return f"unknown:{chain.sign(key, f'name|{spelling}'.encode('utf-8', 'replace'))[:12]}"


def _reason(person: User | None) -> str:
    if person is None:
        return "unknown name"
    return "wrong password" if person.is_active else "inactive"


def _record(actor: Actor, verb: Verb, **data: Any) -> None:
    trail.record(actor, verb, subject_kind="person", subject=actor.name, **data)
