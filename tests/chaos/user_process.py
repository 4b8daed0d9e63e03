"""The users of an installation in one process: calls as JSON lines in, answers out.

Run it in the installation's environment: `python -m tests.chaos.user_process`. It calls the same
services as pages and commands. If the database is unavailable the answer is an error and the
process continues.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import UUID

import django

Message = dict[str, Any]

NAME = "oscar"


def main() -> None:
    """Answer line by line until the input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    from django.db import DatabaseError, connections  # Needs settings.

    for line in sys.stdin:
        message = json.loads(line)
        try:
            answer = HANDLERS[message.pop("call")](message)
        except DatabaseError as error:
            # The next call gets a new connection, as the next HTTP request does.
            connections.close_all()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _sign_in(_: Message) -> Message:
    """Create an operator with a session and return its cookie."""
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


def _submit(message: Message) -> Message:
    """Submit a request; a form that was stored before returns the request it made."""
    from actions.action_requests.repeats import AlreadySubmitted
    from actions.action_requests.submissions import Given, new_submission
    from actions.action_requests.submit import submit_action

    submission = new_submission(
        Given(
            kind=message["kind"],
            version="v3.1",
            addressing="ids",
            targets=message["targets"],
            reason="because chaos says so",
            hours=message.get("hours"),
            group_id=message.get("group_id"),
            form_token=UUID(message["form_token"]),
            allow_unlisted=True,
        )
    )
    try:
        action_request = submit_action(submission, _actor())
    except AlreadySubmitted as error:
        return {"uuid": str(error.action_request.uuid), "duplicate": True}
    return {"uuid": str(action_request.uuid), "duplicate": False}


def _start_sync(_: Message) -> Message:
    """Start a full read of the inventory."""
    from actions.inventory.sync import start_sync

    return {"started": start_sync(_actor())[1]}


HANDLERS: dict[str, Callable[[Message], Message]] = {
    "sign_in": _sign_in,
    "submit": _submit,
    "start_sync": _start_sync,
}

if __name__ == "__main__":
    main()
