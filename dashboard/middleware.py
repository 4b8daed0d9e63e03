"""What happens around every request."""

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Give each request an id, which the response, the error page and the trail quote."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Name the request on the way in and on the way out."""
        request.id = uuid.uuid4().hex  # type: ignore[attr-defined]  # See DashboardRequest.
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class HtmxLoginMiddleware:
    """A session that has run out must not put the sign-in form into a table: leave the page."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Turn a redirect to the sign-in page, asked for by htmx, into one that htmx follows."""
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        target = response.get("Location", "")
        if request.headers.get("HX-Request") and re.match(rf"{re.escape(login)}(\?|$)", target):
            return HttpResponse(status=204, headers={"HX-Redirect": login})
        return response
