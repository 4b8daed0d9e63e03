"""Error pages; each quotes the id of the request."""

import sys
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string

from dashboard.models import User

TYPED = {
    "reason": "Reason",
    "ticket": "Ticket",
    "name": "Name",
    "lines": "Devices",
    "exempt_hours": "Hours",
    "start_at": "Start at (UTC)",
    "give_up_after": "Give up after (hours)",
}
"""Fields that a person types, with their labels; all other fields of a form are sent unseen."""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token; nothing has been done.

    A form of our own page loses its token when its user signs in again in another tab. Then what
    was typed is shown again, with a fresh token, and one more click sends it. Other forms are
    refused.
    """
    if _is_own_form(request):
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return _show_again(request)
    request.has_invalid_form = True  # type: ignore[attr-defined]  # For `refusal_lines`.
    context = {
        "heading": "This form is no longer valid",
        "exception": "It was open for too long, or another site sent it. "
        "Go back, reload the page and try again.",
    }
    return render(request, "403.html", context, status=403)


def _is_own_form(request: HttpRequest) -> bool:
    """Return whether the browser vouches that our own page sent this form; never for sign-in."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    ours = f"{request.scheme}://{request.get_host()}"
    return (
        request.method == "POST"
        and (origin or site) is not None
        and origin in {None, ours}
        and site in {None, "same-origin"}
        and not request.path.startswith("/accounts/")
        and "HX-Request" not in request.headers
        and isinstance(getattr(request, "user", None), User | AnonymousUser)
    )


def _show_again(request: HttpRequest) -> HttpResponse:
    fields = [
        {
            "name": name,
            "value": value,
            "label": TYPED.get(name, ""),
            "is_long": len(value) > 60 or "\n" in value,
        }
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
    get_token(request)
    context = {
        "typed": [field for field in fields if field["label"]],
        "unseen": [field for field in fields if not field["label"]],
        "has_files": bool(request.FILES),
        "action": request.get_full_path(),
    }
    return render(request, "form_again.html", context, status=403)


def misdirected(request: HttpRequest) -> HttpResponse:
    """Answer a request under an address that is not the console's."""
    return _render_bare(request, "421.html", 421)


def too_many_requests(request: HttpRequest, seconds: int = 60) -> HttpResponse:
    """Answer requests that come too fast."""
    response = _render_bare(request, "429.html", 429, seconds=seconds)
    response["Retry-After"] = str(seconds)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read."""
    return _render_bare(request, "400.html", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 when the database is unavailable, otherwise 500.

    If the page cannot be shown, for example without collected static files, the answer is a text.
    """
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        try:
            return _render_bare(request, "500.html", 500)
        except Exception:  # noqa: BLE001 - whatever it is, an answer is needed.
            token = getattr(request, "id", "")
            text = (
                "Internal error. It was logged. Your change may or may not have been saved: "
                f"check Requests before you try again.\nRequest: {token}\n"
            )
            return HttpResponse(text, status=500, content_type="text/plain; charset=utf-8")
    response = _render_bare(request, "503.html", 503)
    response["Retry-After"] = "2"
    return response


def busy(request: HttpRequest) -> HttpResponse:
    """Answer 503: others' passwords are being checked."""
    response = _render_bare(request, "busy.html", 503)
    response["Retry-After"] = "5"
    return response


def _render_bare(request: HttpRequest, template: str, status: int, **more: Any) -> HttpResponse:
    # Without context processors: they may need what has just failed.
    context = {"request_id": getattr(request, "id", "")} | more
    return HttpResponse(render_to_string(template, context), status=status)
