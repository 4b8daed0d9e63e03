"""Where each page lives."""

from allauth.account import views as account
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from dashboard.live import action_request_stream
from dashboard.views import (
    action_requests,
    audit,
    compose,
    controls,
    devices,
    overview,
    vendor_calls,
)


@login_not_required
@require_safe
def alive(_: HttpRequest) -> HttpResponse:
    """Say that the web process answers; used at start and by load balancers."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", overview.overview, name="overview"),
    path("devices/", devices.device_list, name="devices"),
    path("requests/", action_requests.action_request_list, name="action_requests"),
    path("requests/new", compose.compose, name="compose"),
    path("requests/<uuid:token>/", action_requests.action_request_detail, name="action_request"),
    path(
        "requests/<uuid:token>/control",
        controls.control_action_request,
        name="control_action_request",
    ),
    path("budget/freeze", controls.freeze, name="freeze"),
    path("requests/<uuid:token>/stream", action_request_stream, name="action_request_stream"),
    path("budget/", vendor_calls.vendor_calls, name="vendor_calls"),
    path("audit/", audit.audit_list, name="audit"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("alive", alive, name="alive"),
]

handler400 = "dashboard.views.errors.bad_request"
handler500 = "dashboard.views.errors.server_error"
