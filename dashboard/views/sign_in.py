"""The sign-in page."""

from typing import Any

from allauth.account.views import LoginView
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from dashboard.sign_in.guard import TooManyTries


class SignIn(LoginView):  # type: ignore[misc]  # allauth has no types.
    """allauth's sign-in, with our page where the guard lets a name wait."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Sign in, or say how long the name has to wait."""
        try:
            response: HttpResponseBase = super().post(request, *args, **kwargs)
        except TooManyTries as refusal:
            request.sign_in_refused = True  # type: ignore[attr-defined]  # For `refusal_lines`.
            context = {
                "until": refusal.until,
                "seconds": refusal.seconds,
                "again": self.passthrough_next_url(request.path),
            }
            response = render(request, "account/locked.html", context, status=429)
            response["Retry-After"] = str(refusal.seconds)
        return response


sign_in = SignIn.as_view()
