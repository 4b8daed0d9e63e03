"""The typed request, and the reading of untrusted input."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.middleware import HtmxDetails

from dashboard.models import User


class DashboardRequest(HttpRequest):
    """A request of a signed-in user; `id` is quoted on error pages and in the audit trail."""

    user: User
    htmx: HtmxDetails
    id: str


def is_from_own_page(request: DashboardRequest) -> bool:
    """Return whether a page of ours made this request, as the browser says and no page can forge.

    A link in a message or on another site, and a typed address, are none.
    """
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def wants_part(request: DashboardRequest, target: str) -> bool:
    """Return whether htmx requests the fragment with this id instead of the whole page."""
    return bool(request.htmx) and request.htmx.target == target


def read_text(text: str | None, *, max_length: int = 200) -> str:
    """Read a text from a URL or form, truncated, without NUL, which PostgreSQL rejects."""
    return (text or "").replace("\x00", "").strip()[:max_length]


def read_keys(texts: Iterable[str]) -> list[int]:
    """Read the primary keys in a form without duplicates; other texts are ignored."""
    keys = (read_int(text.strip(), default=0) for text in texts)
    return [key for key in dict.fromkeys(keys) if key]


def read_int(text: str | None, *, default: int, low: int = 1, high: int = 10**9) -> int:
    """Read a number from a URL; anything but a number in range gives the default."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 10:
        return default
    return int(text) if low <= int(text) <= high else default


def see_other(url: str) -> HttpResponse:
    """Redirect with status 303: the browser follows with GET."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response
