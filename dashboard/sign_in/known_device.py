"""The cookie by which a browser is recognised from which a user signed in before.

It is no credential: it only gives the browser a counter of its own at the sign-in guard. It names
the last few users who signed in with this browser.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from dashboard.models import User

MAX_AGE = 180 * 24 * 3600
"""Seconds for which a browser is recognised after a sign-in."""

MAX_USERS = 8
"""Users that one browser remembers; the one who signed in longest ago is dropped."""


def _read(request: HttpRequest | None) -> tuple[str, list[int]]:
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "") if request else ""
    try:
        found = signing.loads(cookie, salt="known device", max_age=MAX_AGE)
    except signing.BadSignature:
        return "", []
    return found["device"], found["users"]


def device_of(request: HttpRequest | None, person: User | None) -> str:
    """Return the id of the browser if this user signed in with it before, else an empty text."""
    device, users = _read(request)
    return device if person is not None and person.pk in users else ""


def remember(request: HttpRequest, response: HttpResponseBase, person: User) -> None:
    """Mark the browser as one from which this user signed in."""
    device, users = _read(request)
    users = [person.pk, *(each for each in users if each != person.pk)][:MAX_USERS]
    content = {"device": device or secrets.token_hex(16), "users": users}
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(content, salt="known device"),
        max_age=MAX_AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
