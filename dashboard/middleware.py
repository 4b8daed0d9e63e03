"""Middleware: the id of a request, sign-in under htmx, and the answers beyond a limit."""

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render, resolve_url

from actions.budgets.budget import OverBudget
from dashboard.password_hasher import TooManyPasswordChecks
from dashboard.views.errors import busy

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Gives each request an id that the response, error pages and the audit trail quote."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set `request.id` and the header X-Request-ID."""
        request.id = uuid.uuid4().hex  # type: ignore[attr-defined]  # See DashboardRequest.
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class HtmxLoginMiddleware:
    """Makes htmx leave the page when the session has expired.

    Otherwise htmx would follow the redirect and put the sign-in form into the fragment.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Replace an htmx request's redirect to the sign-in page with HX-Redirect."""
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        target = response.get("Location", "")
        if request.headers.get("HX-Request") and re.match(rf"{re.escape(login)}(\?|$)", target):
            return HttpResponse(status=204, headers={"HX-Redirect": login})
        return response


class LimitsMiddleware:
    """Answers 429 beyond a person's limit, and 503 if a password could not be checked in time."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Change nothing."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show when the person may try again; the header Retry-After has the seconds."""
        if isinstance(error, TooManyPasswordChecks):
            return busy(request)
        if not isinstance(error, OverBudget):
            return None
        response = render(request, "429.html", {"exception": str(error)}, status=429)
        response["Retry-After"] = str(error.seconds)
        return response
