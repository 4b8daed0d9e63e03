"""Where each page lives."""

from allauth.account import views as account
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from dashboard.views import (
    action_requests,
    agent_logs,
    audit,
    audit_jobs,
    compose,
    device,
    device_lists,
    devices,
    inventory,
    overview,
    request_controls,
    saved_views,
    vendor_calls,
)
from dashboard.views.streams import action_request_stream


@login_not_required
@require_safe
def alive(_: HttpRequest) -> HttpResponse:
    """Say that the web process answers; used at start and by load balancers."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", overview.overview, name="overview"),
    path("devices/", devices.device_list, name="devices"),
    path("devices/find", device.find_device, name="find_device"),
    path("devices/<int:key>/", device.device, name="device"),
    path("devices/<int:key>/refresh", device.refresh_device, name="refresh_device"),
    path("inventory/", inventory.inventory, name="inventory"),
    path("inventory/read", inventory.read_inventory, name="read_inventory"),
    path("devices/pick/", device_lists.pick, name="pick"),
    path("devices/pick/<uuid:token>/", device_lists.picked, name="picked"),
    path(
        "devices/pick/<uuid:token>/<slug:bucket>.csv",
        device_lists.picked_lines,
        name="picked_lines",
    ),
    path("devices/count", devices.device_count, name="device_count"),
    path("devices/choose", devices.choose_devices, name="choose_devices"),
    path("devices/export", saved_views.export_devices, name="export_devices"),
    path("devices/display", saved_views.device_display, name="device_display"),
    path("devices/views/", saved_views.save_device_view, name="save_device_view"),
    path("devices/views/<uuid:token>/", saved_views.device_view, name="device_view"),
    path(
        "devices/views/<uuid:token>/change",
        saved_views.change_device_view,
        name="change_device_view",
    ),
    path("requests/", action_requests.action_request_list, name="action_requests"),
    path("requests/new", compose.compose, name="compose"),
    path("requests/<uuid:token>/", action_requests.action_request_detail, name="action_request"),
    path(
        "requests/<uuid:token>/control",
        request_controls.control_action_request,
        name="control_action_request",
    ),
    path("budget/freeze", request_controls.freeze, name="freeze"),
    path("requests/<uuid:token>/stream", action_request_stream, name="action_request_stream"),
    path("requests/<uuid:token>/logs/", agent_logs.action_request_logs, name="action_request_logs"),
    path("logs/", agent_logs.agent_log_list, name="agent_logs"),
    path("logs/<uuid:token>/", agent_logs.agent_log, name="agent_log"),
    path("logs/<uuid:token>/control", agent_logs.control_agent_log, name="control_agent_log"),
    path("logs/<uuid:token>/download", agent_logs.agent_log_download, name="agent_log_download"),
    path("budget/", vendor_calls.vendor_calls, name="vendor_calls"),
    path("audit/", audit.audit_list, name="audit"),
    path("audit/<int:number>/", audit.audit_event, name="audit_event"),
    path("audit/work/", audit_jobs.audit_work, name="audit_work"),
    path("audit/check", audit_jobs.check, name="audit_check"),
    path("audit/export", audit_jobs.export, name="audit_export"),
    path("audit/exports/<uuid:token>", audit_jobs.download, name="audit_download"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("alive", alive, name="alive"),
]

handler400 = "dashboard.views.errors.bad_request"
handler500 = "dashboard.views.errors.server_error"
