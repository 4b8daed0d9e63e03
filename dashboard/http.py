"""The typed request of this console, and whether a page or a part of it is asked for."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.middleware import HtmxDetails

from dashboard.models import User


class DashboardRequest(HttpRequest):
    """A request by a signed-in person; `id` is quoted on error pages and kept in the trail."""

    user: User
    htmx: HtmxDetails
    id: str


class MaxUploadSize(FileUploadHandler):
    """Refuses a form that is far larger than any that we have, before a byte of it is kept."""

    MOST = 32 * 1024 * 1024

    def handle_raw_input(  # The names are Django's.
        self,
        input_data: Any,
        META: Any,  # noqa: N803
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        """Look at the length that the browser announces: no more than that is read."""
        if content_length > self.MOST:
            raise RequestDataTooBig("The form is too large.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Leave the parts to the handlers after this one."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers after this one."""


def wants_part(request: DashboardRequest, target: str) -> bool:
    """Whether htmx asks for the fragment with that id, rather than a browser for the page."""
    return bool(request.htmx) and request.htmx.target == target


def read_text(text: str | None, *, most: int = 200) -> str:
    """A text from the URL, cut; PostgreSQL takes no NUL, so none reaches a query."""
    return (text or "").replace("\x00", "").strip()[:most]


def read_keys(texts: Iterable[str]) -> list[int]:
    """The keys of rows named in a form, each once; what is no key is left out."""
    keys = (read_int(text.strip(), default=0) for text in texts)
    return [key for key in dict.fromkeys(keys) if key]


def read_int(text: str | None, *, default: int, low: int = 1, high: int = 10**9) -> int:
    """A number from the URL; anything else than a number in range is the default."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 10:
        return default
    return int(text) if low <= int(text) <= high else default


def see_other(url: str) -> HttpResponse:
    """Go there with GET, whatever was sent here."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response
