"""Record sign-in, failed sign-in and sign-out in the audit trail.

A name that nobody has is stored as a keyed digest, because a password may be typed into its field.
"""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from actions.actor import Actor
from actions.roles import Role
from actions.trail import trail
from actions.trail.verbs import Verb
from dashboard.addresses import address_of
from dashboard.models import User
from dashboard.session_end import begin
from dashboard.sign_in import lines


def _actor(request: HttpRequest | None, name: str, person: User | None) -> Actor:
    return Actor(
        name=person.username if person else name,
        role=person.known_role if person else Role.VIEWER,
        source="page",
        user_id=person.pk if person else None,
        address=address_of(request.META) if request else "",
        request_id=getattr(request, "id", ""),
    )


@receiver(user_logged_in)
def _signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    if request is not None:
        begin(request.session)
    lines.signed_in(_actor(request, user.username, user), getattr(request, "sign_in_try", None))


@receiver(user_logged_out)
def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        if request is not None:
            request.signed_out = True  # type: ignore[attr-defined]  # For the middleware.
        actor = _actor(request, user.username, user)
        trail.record(actor, Verb.PERSON_SIGNED_OUT, subject_kind="person", subject=actor.name)


@receiver(user_login_failed)
def _sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    name = str(credentials.get("username", "")).replace("\x00", "")
    person = User.named(name)
    actor = _actor(request, lines.pseudonym(name), person)
    lines.failed(actor, name, person, getattr(request, "sign_in_try", None))
