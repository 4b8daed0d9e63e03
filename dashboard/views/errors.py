"""Error pages; each quotes the id of the request."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token: ask the user to reload the page."""
    request.has_invalid_form = True  # type: ignore[attr-defined]  # For `refusal_lines`.
    context = {
        "heading": "This form is no longer valid",
        "exception": "It was open for too long, or another site sent it. "
        "Go back, reload the page and try again.",
    }
    return render(request, "403.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read."""
    return _render_bare(request, "400.html", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 when the database is unavailable, otherwise 500."""
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _render_bare(request, "500.html", 500)
    response = _render_bare(request, "503.html", 503)
    response["Retry-After"] = "2"
    return response


def busy(request: HttpRequest) -> HttpResponse:
    """Answer 503: others' passwords are being checked."""
    response = _render_bare(request, "busy.html", 503)
    response["Retry-After"] = "5"
    return response


def _render_bare(request: HttpRequest, template: str, status: int) -> HttpResponse:
    # Without context processors: they may need what has just failed.
    context = {"request_id": getattr(request, "id", "")}
    return HttpResponse(render_to_string(template, context), status=status)
