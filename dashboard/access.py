"""Sign-in, the actor of a request, and the guards that admit roles to views."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeAlias

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme

from actions.actor import Actor
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.errors import Code, NotAllowed
from actions.roles import Role
from actions.trail.refusals import record_refusal, recording_refusals
from actions.trail.verbs import Verb
from dashboard.addresses import address_of
from dashboard.http import DashboardRequest
from dashboard.models import User
from dashboard.sign_in import guard, known_device

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[DashboardRequest, P], HttpResponseBase]


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Sign-in for existing users only, behind the guard; `add_person` creates the users."""

    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Return the user with this name and password, unless the guard lets the try wait."""
        admitted = guard.admit(credentials["username"], address_of(request.META), request)
        request.sign_in_try = admitted  # type: ignore[attr-defined]  # For `signals`.
        user: User | None = authenticate(request, **credentials)
        if user is not None:
            guard.succeed(admitted, user)
        return user

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Mark the browser as one that the user signed in from."""
        response: HttpResponse = super().post_login(request, user, **more)
        known_device.remember(request, response, user)
        return response

    def is_safe_url(self, url: str) -> bool:
        """Lead from the sign-in page to paths of this console only."""
        return bool(url) and url.startswith("/") and url_has_allowed_host_and_scheme(url, None)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse self-registration."""
        return False


def actor_of(request: DashboardRequest) -> Actor:
    """Return the actor that services and the audit trail are given for this request."""
    return Actor(
        name=request.user.username,
        role=request.user.known_role,
        source="page",
        user_id=request.user.pk,
        address=address_of(request.META),
        request_id=request.id,
    )


def take_from_budget(request: DashboardRequest, which: Budget) -> None:
    """Count one for the person; raises OverBudget, which is recorded and answered with 429."""
    actor = actor_of(request)
    with recording_refusals(actor, Verb.PAGE_REFUSED, subject_kind="page", subject=request.path):
        budget.take(actor, which)


def visitor_of(request: HttpRequest) -> Actor:
    """Return the actor of any request: the user, or an unknown visitor."""
    if getattr(request, "user", None) and request.user.is_authenticated:
        return actor_of(request)  # type: ignore[arg-type]  # It has a user.
    return Actor(
        name="unknown visitor",
        role=Role.VIEWER,
        source="page",
        address=address_of(request.META),
        request_id=getattr(request, "id", ""),
    )


def record_page_refusal(request: HttpRequest, refusal: NotAllowed) -> None:
    """Record that a page was refused, whatever the method."""
    subject = {"subject_kind": "page", "subject": request.path, "method": request.method or ""}
    record_refusal(visitor_of(request), Verb.PAGE_REFUSED, refusal, **subject)


def _refuse(request: DashboardRequest, code: Code, text: str) -> NoReturn:
    """Raise PermissionDenied; the refusal is recorded in the audit trail."""
    record_page_refusal(request, NotAllowed(code, text))
    raise PermissionDenied(text)


def hide(request: DashboardRequest, code: Code, text: str, *, exists: bool) -> NoReturn:
    """Raise Http404 for a thing that is not there, or that belongs to another person.

    The answer is the same for both. The trail records that the thing is another person's.
    """
    if exists:
        record_page_refusal(request, NotAllowed(code, text))
    raise Http404(text)


def requires(right: str, code: Code, refusal: str) -> Callable[[View[P]], View[P]]:
    """Admit to a view only users whose role has a right, named as its field of Rights."""

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(
            request: DashboardRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not getattr(request.user.rights, right):
                _refuse(request, code, refusal)
            return view(request, *args, **kwargs)

        return guarded

    return guard


audit_reader_required = requires(
    "reads_audit", Code.ROLE_MAY_NOT_READ_AUDIT, "Your role cannot read the audit trail."
)
submitter_required = requires("kinds", Code.ROLE_MAY_NOT_SUBMIT, "Your role cannot submit actions.")
log_reader_required = requires(
    "reads_logs", Code.ROLE_MAY_NOT_READ_LOGS, "Your role cannot read agent logs."
)
storage_reader_required = requires(
    "reads_storage",
    Code.ROLE_MAY_NOT_READ_STORAGE,
    "Your role cannot see what this installation holds.",
)
