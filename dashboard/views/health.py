"""Health checks for load balancers and service managers. They need no sign-in."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
def live(_: HttpRequest) -> HttpResponse:
    """Answer 200 while the web process runs."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def ready(_: HttpRequest) -> HttpResponse:
    """Answer 200 while the database is available, otherwise 503.

    Redis is not checked: without it pages are still served, and they poll.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("the database does not answer", status=503, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")
