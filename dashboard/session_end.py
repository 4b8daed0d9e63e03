"""When a session ends: after idle time, after its longest time, or when its user may not go on.

The times are kept in the session, so that every process obeys them. Requests that a page makes by
itself (polls and streams) are no activity of a person: they do not keep a session alive.
"""

import time

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from dashboard.models import User
from dashboard.session_store import SessionStore

STARTED, ACTIVE = "started_at", "active_at"

PRECISION = 30.0
"""Seconds between two notes of activity, so that not every request writes the session."""


def begin(session: SessionBase) -> None:
    """Start both times; called at sign-in."""
    session[STARTED] = session[ACTIVE] = time.time()


def has_ended(session: SessionBase) -> bool:
    """Return whether a session of a signed-in user is past one of its ends."""
    if SESSION_KEY not in session or STARTED not in session:
        return False
    at = time.time()
    return bool(
        at - session[STARTED] >= settings.SESSION_HOURS * 3600
        or at - session[ACTIVE] >= settings.SESSION_IDLE_MINUTES * 60
    )


def note_activity(session: SessionBase) -> None:
    """Note that the person has just used the session."""
    if SESSION_KEY not in session:
        return
    if STARTED not in session:
        begin(session)
    elif time.time() - session[ACTIVE] >= min(PRECISION, settings.SESSION_IDLE_MINUTES * 6):
        session[ACTIVE] = time.time()


def user_of(session_key: str) -> User | None:
    """Return the user whose session this is now, or None if it has ended."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    if has_ended(request.session):
        return None
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None
