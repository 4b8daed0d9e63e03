"""People of each role with what they keep: views, sessions, groups, addresses."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.utils.timezone import now

from tests.upgrade.filling.old_code import people, saved_views, submissions, trail

PASSWORD = "correct horse battery"
NAMES = {"viewer": "vera", "helpdesk": "hanna", "operator": "oscar", "auditor": "ada"}
VIEWS = (
    ("Not compliant", "status=non_compliant&sort=-last_seen", True),
    ("Mine", "q=pc-00&group=Group+3", False),
    ("Größe “ü”", "os=windows&sort=name", True),
)


@dataclass(frozen=True, slots=True)
class Users:
    """The actor of each role."""

    viewer: Any
    helpdesk: Any
    operator: Any
    auditor: Any


def make_people() -> Users:
    """Create a person of each role, with an audit line of a sign-in each."""
    users = Users(**{role: _make_person(name, role) for role, name in NAMES.items()})
    for actor in (users.operator, users.helpdesk):
        owner = people.User.objects.get(pk=actor.user_id)
        for name, query, shared in VIEWS:
            saved_views.save(owner, actor, name=name, query=query, shared=shared)
    _keep_more(people.User.objects.get(pk=users.operator.user_id))
    return users


def _make_person(name: str, role: str) -> Any:
    person = people.User(username=name, role=role, email=f"{name}@example.com")
    person.set_password(PASSWORD)
    person.first_name, person.last_name = name.title(), "Müller"
    person.is_demo, person.is_staff = role == "viewer", role == "operator"
    person.last_login = now()
    person.device_columns = ["name", "mac", "last_seen"] if role == "operator" else []
    person.density = "compact" if role == "operator" else "comfortable"
    person.save()
    actor = submissions.Actor(
        name=name,
        role=person.rank,
        source="page",
        user_id=person.pk,
        address="10.1.2.3",
        request_id=f"{person.pk:032x}",
    )
    trail.record(actor, "person.signed_in", subject_kind="person", subject=name)
    return actor


def _keep_more(person: Any) -> None:
    """Fill the tables that Django and allauth keep for a person."""
    group = Group.objects.create(name="Operators")
    person.groups.add(group)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    session = SessionStore()
    session["_auth_user_id"] = str(person.pk)
    session.save()
    cache.set("sign-in-limit", {"count": 3}, None)
