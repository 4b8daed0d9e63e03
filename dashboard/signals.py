"""Record sign-in, failed sign-in and sign-out in the audit trail."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from actions.actor import Actor
from actions.roles import Role
from actions.trail import trail
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
    name = str(credentials.get("username", "")).replace("\x00", "")[:150]
    person = User.objects.filter(username=name).first()
    reason = "wrong password" if person else "unknown name"
    _record(_actor(request, name, person), Verb.PERSON_SIGN_IN_FAILED, problems={"": [reason]})


def _record(actor: Actor, verb: Verb, **data: Any) -> None:
    trail.record(actor, verb, subject_kind="person", subject=actor.name, **data)
