"""Who may come in, and who may see and do what."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from actions.roles import RIGHTS
from actions.submissions import Actor
from dashboard.http import DashboardRequest

View = Callable[..., HttpResponse]


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Sign-in by people that the console already knows."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account for himself."""
        return False


def actor_of(request: DashboardRequest) -> Actor:
    """Who acts in this request, as services and the trail know it."""
    return Actor(
        name=request.user.username,
        role=request.user.rank,
        source="page",
        user_id=request.user.pk,
        address=request.META.get("REMOTE_ADDR", "")[:45],
        request_id=request.id,
    )


def audit_reader_required(view: View) -> View:
    """Let only those in whose role reads the trail."""

    @wraps(view)
    def guarded(request: DashboardRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not RIGHTS[request.user.rank].reads_audit:
            raise PermissionDenied("Your role does not read the audit trail.")
        return view(request, *args, **kwargs)

    return guarded


def submitter_required(view: View) -> View:
    """Let only those in whose role sends any action."""

    @wraps(view)
    def guarded(request: DashboardRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not RIGHTS[request.user.rank].kinds:
            raise PermissionDenied("Your role looks on and sends no actions.")
        return view(request, *args, **kwargs)

    return guarded
