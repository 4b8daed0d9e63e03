"""Pages for what went wrong."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Tell a person whose form came without its token to load the page again."""
    text = "This form was open for too long, or came from elsewhere. Go back, reload, try again."
    return render(request, "403.html", {"exception": text}, status=403)
