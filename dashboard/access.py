"""Sign-in, the actor of a request, and the guards that admit roles to views."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, NoReturn, ParamSpec, TypeAlias

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from actions.actor import Actor
from actions.roles import Role
from actions.trail import trail
from actions.trail.verbs import Verb
from dashboard.http import DashboardRequest

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[DashboardRequest, P], HttpResponseBase]


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Sign-in for existing users only; `add_person` creates them."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse self-registration."""
        return False


def actor_of(request: DashboardRequest) -> Actor:
    """Return the actor that services and the audit trail are given for this request."""
    return Actor(
        name=request.user.username,
        role=Role(request.user.role),
        source="page",
        user_id=request.user.pk,
        address=request.META.get("REMOTE_ADDR", "")[:45],
        request_id=request.id,
    )


def _refuse(request: DashboardRequest, text: str) -> NoReturn:
    """Raise PermissionDenied; the refusal of a POST is recorded in the audit trail."""
    refusal = PermissionDenied(text)
    if request.method == "POST":
        told = {"subject_kind": "page", "subject": request.path}
        trail.record_refusal(actor_of(request), Verb.PAGE_REFUSED, refusal, **told)
    raise refusal


def requires(right: str, refusal: str) -> Callable[[View[P]], View[P]]:
    """Admit to a view only users whose role has a right, named as its field of Rights."""

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(
            request: DashboardRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not getattr(request.user.rights, right):
                _refuse(request, refusal)
            return view(request, *args, **kwargs)

        return guarded

    return guard


audit_reader_required = requires("reads_audit", "Your role cannot read the audit trail.")
submitter_required = requires("kinds", "Your role cannot submit actions.")
log_reader_required = requires("reads_logs", "Your role cannot read agent logs.")
