"""Who may come in, and who may see and do what."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from actions.actor import Actor
from actions.roles import RIGHTS
from actions.trail import trail
from dashboard.http import DashboardRequest

View = Callable[..., HttpResponseBase]


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


def _refuse(request: DashboardRequest, text: str) -> NoReturn:
    """Turn somebody away; the trail tells of it where something was to be done, not just seen."""
    refusal = PermissionDenied(text)
    if request.method == "POST":
        told = {"subject_kind": "page", "subject": request.path}
        trail.record_refusal(actor_of(request), "page.refused", refusal, **told)
    raise refusal


def audit_reader_required(view: View) -> View:
    """Let only those in whose role reads the trail."""

    @wraps(view)
    def guarded(request: DashboardRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not RIGHTS[request.user.rank].reads_audit:
            _refuse(request, "Your role does not read the audit trail.")
        return view(request, *args, **kwargs)

    return guarded


def submitter_required(view: View) -> View:
    """Let only those in whose role sends any action."""

    @wraps(view)
    def guarded(request: DashboardRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not RIGHTS[request.user.rank].kinds:
            _refuse(request, "Your role looks on and sends no actions.")
        return view(request, *args, **kwargs)

    return guarded


def log_reader_required(view: View) -> View:
    """Let only those in whose role reads agent logs."""

    @wraps(view)
    def guarded(request: DashboardRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not RIGHTS[request.user.rank].reads_logs:
            raise PermissionDenied("Your role does not read agent logs.")
        return view(request, *args, **kwargs)

    return guarded
