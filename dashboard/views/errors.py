"""Pages for what went wrong; each quotes the id of the request."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Tell a person whose form came without its token to load the page again."""
    context = {
        "heading": "This form is no longer valid",
        "exception": "It was open for too long, or came from elsewhere. "
        "Go back, reload the page and try again.",
    }
    return render(request, "403.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tell that the request could not be read."""
    return _alone(request, "400.html", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Tell that the error is ours, or that the database is away, which passes by itself."""
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _alone(request, "500.html", 500)
    response = _alone(request, "503.html", 503)
    response["Retry-After"] = "2"
    return response


def _alone(request: HttpRequest, template: str, status: int) -> HttpResponse:
    # No context processors: what they ask for may be just what is broken.
    context = {"request_id": getattr(request, "id", "")}
    return HttpResponse(render_to_string(template, context), status=status)
