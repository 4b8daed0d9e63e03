"""Save, share and delete named views of the device list.

The audit trail records what concerns other users: sharing, and the end of a shared view.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from actions.actor import Actor
from actions.devices.query import parse_device_query, raise_for_problems
from actions.errors import Code, NotAllowed, Refused
from actions.trail import trail
from actions.trail.refusals import records_refusals
from actions.trail.verbs import Verb
from dashboard.models import SavedView, User

MAX_VIEWS = 100
"""Maximum number of views of one user."""

MAX_NAME = 80
"""Maximum length of the name of a view."""


def visible_to(user: User) -> list[SavedView]:
    """Return the views of a user and those that others share, by name."""
    views = SavedView.objects.filter(Q(owner=user) | Q(shared=True)).select_related("owner")
    return list(views[: 2 * MAX_VIEWS])


def find(token: UUID, user: User) -> SavedView | None:
    """Return a view that this user may open."""
    return SavedView.objects.filter(Q(owner=user) | Q(shared=True), uuid=token).first()


def exists(token: UUID) -> bool:
    """Return whether any user has this view."""
    return SavedView.objects.filter(uuid=token).exists()


@transaction.atomic
def save(user: User, actor: Actor, *, name: str, query: str, shared: bool) -> SavedView:
    """Save a view; it replaces the user's view of the same name.

    Raises Refused for a missing or long name, for an invalid query, and when the user has too many
    views.
    """
    raise_for_problems(parse_device_query(query))
    if not name:
        raise Refused.because("name", Code.VIEW_NAME_MISSING, "Give the view a name.")
    if len(name) > MAX_NAME:
        raise Refused.because(
            "name",
            Code.VIEW_NAME_TOO_LONG,
            "A name has at most %(limit)s characters.",
            limit=MAX_NAME,
        )
    known = SavedView.objects.filter(owner=user, name=name).first()
    if known is None and user.views.count() >= MAX_VIEWS:
        raise Refused.because(
            "name",
            Code.TOO_MANY_VIEWS,
            "You have %(limit)s views. Delete one first.",
            limit=MAX_VIEWS,
        )
    was_shared = known is not None and known.shared
    view = known or SavedView(owner=user, name=name)
    view.query, view.shared = query, shared
    view.save()
    if shared or was_shared:
        _record(actor, Verb.VIEW_SHARED if shared else Verb.VIEW_UNSHARED, view)
    return view


def _refusal_line(view: SavedView, **_: Any) -> dict[str, Any]:
    return {"subject_kind": "view", "subject": str(view.uuid), "name": view.name}


@records_refusals(Verb.VIEW_CHANGE_REFUSED, _refusal_line)
@transaction.atomic
def share(view: SavedView, user: User, actor: Actor, *, shared: bool) -> None:
    """Share a view with all users, or stop sharing it."""
    _check_owner(view, user)
    if view.shared != shared:
        view.shared = shared
        view.save(update_fields=["shared"])
        _record(actor, Verb.VIEW_SHARED if shared else Verb.VIEW_UNSHARED, view)


@records_refusals(Verb.VIEW_CHANGE_REFUSED, _refusal_line)
@transaction.atomic
def delete(view: SavedView, user: User, actor: Actor) -> None:
    """Delete a view; its URL then answers 404."""
    _check_owner(view, user)
    if view.shared:
        _record(actor, Verb.VIEW_DROPPED, view)
    view.delete()


def _check_owner(view: SavedView, user: User) -> None:
    if view.owner_id != user.pk:
        raise NotAllowed(Code.NOT_YOUR_VIEW, "This view belongs to another person.")


def _record(actor: Actor, verb: Verb, view: SavedView) -> None:
    trail.record(
        actor,
        verb,
        subject_kind="view",
        subject=str(view.uuid),
        name=view.name,
        query=view.query,
    )
