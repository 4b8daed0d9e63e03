"""Middleware: what a request may claim of itself, security headers, and the end of a session."""

import json
import re
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import split_domain_port
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from actions.budgets.budget import OverBudget
from actions.log_fields import log_fields
from dashboard import session_end
from dashboard.addresses import believe_proxies
from dashboard.http import DashboardRequest
from dashboard.password_hasher import TooManyPasswordChecks
from dashboard.views.errors import busy, csrf_failure, misdirected

Handler = Callable[[HttpRequest], HttpResponseBase]

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture"),
        *("encrypted-media", "geolocation", "gyroscope", "hid", "magnetometer", "microphone"),
        *("midi", "payment", "publickey-credentials-create", "screen-wake-lock", "serial", "usb"),
    )
)
"""No page needs a device of the machine. Writing to the clipboard stays allowed (copy buttons)."""

HEADERS = {
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    # These are Django's, which does not set them on a request that it refuses early.
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every response."""

UNATTENDED = "X-Unattended"
"""The header of requests that a page makes by itself (static/js/session.js)."""


class RequestIdMiddleware:
    """Gives each request an id that the response, error pages and the audit trail quote.

    It also settles whom the request is from: the address, and which headers of a proxy count. No
    browser or proxy may keep a page: only static files are not private. At sign-out the browser
    forgets what it kept.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Set `request.id`, REMOTE_ADDR, and the headers that every response has."""
        request.id = uuid.uuid4().hex  # type: ignore[attr-defined]  # See DashboardRequest.
        believe_proxies(request.META)
        with log_fields(request_id=request.id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        if getattr(request, "signed_out", False):
            response["Clear-Site-Data"] = '"cache", "storage"'
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        if not request.path.startswith(settings.STATIC_URL):
            response["Cache-Control"] = "no-store"
        return response


class CanonicalHostMiddleware:
    """Refuses a Host that is not ours, and gives all spellings of ours one form.

    A host that is allowed counts with its port: the server's own, the scheme's, or one of
    ALLOWED_PORTS. So nothing that reads the host can be varied by the client.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 421 for another port; Django answers 400 for another name."""
        name, port = split_domain_port(request.get_host())
        default = "443" if request.is_secure() else "80"
        allowed = {"", "80", "443", str(request.META.get("SERVER_PORT")), *settings.ALLOWED_PORTS}
        if port not in allowed:
            return misdirected(request)
        request.META["HTTP_HOST"] = name if port in {"", default} else f"{name}:{port}"
        return self.get_response(request)


class CrossSiteMiddleware:
    """Refuses a change that a page of another site sends, even with a good CSRF token."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 403 unless the browser says that our own page or the person sent the request."""
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.method in {"GET", "HEAD", "OPTIONS"} or site in {"same-origin", "none"}:
            return self.get_response(request)
        return csrf_failure(request, "cross-site")


class SessionEndMiddleware:
    """Ends a session after idle time and after its longest time."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Drop a session that has ended; note that the person is active."""
        if session_end.has_ended(request.session):
            request.session.flush()
        elif not _is_unattended(request):
            session_end.note_activity(request.session)
        return self.get_response(request)


def _is_unattended(request: HttpRequest) -> bool:
    return UNATTENDED in request.headers or "text/event-stream" in request.headers.get("Accept", "")


class SignInRedirectMiddleware:
    """Brings a person whose session has ended to the sign-in page, and from there back.

    Under htmx the whole page is left: htmx would follow the redirect and put the sign-in form into
    the fragment. A form leads back to the page that it is on, as its own URL may have no page.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: DashboardRequest) -> HttpResponseBase:
        """Complete a redirect to the sign-in page."""
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        if not re.match(rf"{re.escape(login)}(\?|$)", response.get("Location", "")):
            return response
        if request.path.startswith("/accounts/"):
            return response
        back = _way_back(request)
        target = redirect_to_login(back).url if back else login
        if request.htmx:
            return HttpResponse(status=204, headers={"HX-Redirect": target})
        response["Location"] = target
        return response


def _way_back(request: DashboardRequest) -> str:
    """Return the path of the page that the person was on, or an empty text."""
    here = request.get_full_path()
    if request.htmx:
        page = request.htmx.current_url_abs_path or ""
        is_new_state = request.method == "GET" and page.split("?")[0] == request.path
        back = here if is_new_state and not _is_unattended(request) else page
    elif request.method == "GET":
        back = here
    else:
        back = _same_host_path(request) or here
        if "?" not in back and (selection := request.POST.get("selection")):
            back += "?" + urlencode({"selection": selection})  # The devices of the form.
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/")
    return back if is_ours else ""


def _same_host_path(request: HttpRequest) -> str:
    start = f"{request.scheme}://{request.get_host()}/"
    referrer = request.headers.get("Referer", "")
    return referrer[len(start) - 1 :].split("#")[0] if referrer.startswith(start) else ""


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
        response = render(request, "429.html", {"exception": error}, status=429)
        response["Retry-After"] = str(error.seconds)
        if request.headers.get("HX-Request"):  # htmx shows no page of an error.
            response["HX-Trigger"] = json.dumps({"toast": {"level": "error", "text": str(error)}})
        return response
