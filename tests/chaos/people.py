"""People of an installation in one process: JSON lines in, what became of it out.

Run inside the installation's environment: `python -m tests.chaos.people`. It calls the services
that pages and commands call. A database that is away is an answer too, never the end of it.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import UUID

import django

Wish = dict[str, Any]

NAME = "oscar"


def main() -> None:
    """Answer line by line until the input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    from django.db import DatabaseError, connections  # Only now there are settings.

    for line in sys.stdin:
        wish = json.loads(line)
        try:
            answer = DOES[wish.pop("do")](wish)
        except DatabaseError as error:
            # The next wish gets a new connection, as the next request of a page does.
            connections.close_all()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _enter(_: Wish) -> Wish:
    """Make an operator and a session of theirs; gives the cookie."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from dashboard.models import User

    person = User.objects.filter(username=NAME).first() or User(username=NAME, role="operator")
    person.set_unusable_password()
    person.save()
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}


def _actor() -> Any:
    from actions.actor import Actor
    from actions.roles import Role
    from dashboard.models import User

    person = User.objects.get(username=NAME)
    return Actor(name=person.username, role=Role(person.role), source="page", user_id=person.pk)


def _submit(wish: Wish) -> Wish:
    """Submit; the same form sent twice is one request, whatever became of the first answer."""
    from actions.action_requests.submissions import new_submission
    from actions.action_requests.submit import AlreadySubmitted, submit_action

    submission = new_submission(
        kind=wish["kind"],
        version="v3.1",
        addressing="ids",
        targets=wish["targets"],
        reason="because chaos says so",
        hours=wish.get("hours"),
        group_id=wish.get("group_id"),
        form_token=UUID(wish["form_token"]),
        allow_unlisted=True,
    )
    try:
        action_request = submit_action(submission, _actor())
    except AlreadySubmitted as twin:
        return {"uuid": str(twin.action_request.uuid), "again": True}
    return {"uuid": str(action_request.uuid), "again": False}


def _read(_: Wish) -> Wish:
    """Ask for a full read of the inventory."""
    from actions.inventory.sync import start_sync

    return {"started": start_sync(_actor())[1]}


DOES: dict[str, Callable[[Wish], Wish]] = {"enter": _enter, "submit": _submit, "read": _read}

if __name__ == "__main__":
    main()
