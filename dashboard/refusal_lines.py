"""Middleware: record each refused request once in the audit trail."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase

from actions.errors import Code, NotAllowed
from actions.trail.refusals import note_refusals
from dashboard.access import record_page_refusal

REFUSED = frozenset({401, 403, 419, 429})
"""Statuses of a refusal. A 404 for what belongs to another person is recorded by `access.hide`."""


class RefusalLineMiddleware:
    """Records a refused request, unless a service or a guard has recorded the refusal."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look at the status of the response."""
        noted = note_refusals()
        response = self.get_response(request)
        is_counted = getattr(request, "sign_in_refused", False)  # The guard counts these.
        if response.status_code in REFUSED and not noted and not is_counted:
            try:
                record_page_refusal(request, _refusal(request, response.status_code))
            except DatabaseError:  # The refusal stands even if the trail cannot be written.
                logging.getLogger(__name__).exception("A refusal could not be recorded.")
        return response


def _refusal(request: HttpRequest, status: int) -> NotAllowed:
    if status == 429:
        return NotAllowed(Code.TOO_MANY_REQUESTS, "Too many requests.")
    if getattr(request, "has_invalid_form", False):
        return NotAllowed(
            Code.FORM_NOT_VALID, "The form had no valid CSRF token, or another site sent it."
        )
    return NotAllowed(Code.PAGE_FORBIDDEN, "The page is not allowed.")
