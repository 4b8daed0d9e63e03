"""The address of each page. Every address ends with a slash, files excepted."""

from collections.abc import Callable

from allauth.account import views as account
from django.http import HttpResponseBase
from django.urls import path
from django.views.generic import RedirectView

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
    sign_in,
    storage,
    streams,
    vendor_calls,
)

pages = [
    path("", overview.overview, name="overview"),
    path("devices/", devices.device_list, name="devices"),
    path("devices/count/", devices.device_count, name="device_count"),
    path("devices/search/", device.find_device, name="find_device"),
    path("devices/columns/", saved_views.device_columns, name="device_columns"),
    path("devices/export/", saved_views.export_devices, name="export_devices"),
    path("devices/views/", saved_views.save_device_view, name="save_device_view"),
    path("devices/views/<uuid:token>/", saved_views.device_view, name="device_view"),
    path(
        "devices/views/<uuid:token>/change/",
        saved_views.change_device_view,
        name="change_device_view",
    ),
    path("devices/lists/", device_lists.upload_list, name="upload_list"),
    path("devices/lists/<uuid:token>/", device_lists.uploaded_list, name="uploaded_list"),
    path(
        "devices/lists/<uuid:token>/<slug:bucket>.csv",
        device_lists.uploaded_list_lines,
        name="uploaded_list_lines",
    ),
    path("devices/<int:key>/", device.device, name="device"),
    path("devices/<int:key>/refresh/", device.refresh_device, name="refresh_device"),
    path("selections/", devices.choose_devices, name="choose_devices"),
    path("inventory/", inventory.inventory, name="inventory"),
    path("inventory/syncs/", inventory.read_inventory, name="read_inventory"),
    path(
        "inventory/syncs/<int:key>/stop/",
        inventory.stop_inventory_read,
        name="stop_inventory_read",
    ),
    path("requests/", action_requests.action_request_list, name="action_requests"),
    path("requests/new/", compose.compose, name="compose"),
    path("requests/<uuid:token>/", action_requests.action_request_detail, name="action_request"),
    path(
        "requests/<uuid:token>/control/",
        request_controls.control_action_request,
        name="control_action_request",
    ),
    path(
        "requests/<uuid:token>/stream/",
        streams.action_request_stream,
        name="action_request_stream",
    ),
    path("requests/<uuid:token>/logs/", agent_logs.action_request_logs, name="action_request_logs"),
    path("logs/", agent_logs.agent_log_list, name="agent_logs"),
    path("logs/<uuid:token>/", agent_logs.agent_log, name="agent_log"),
    path("logs/<uuid:token>/control/", agent_logs.control_agent_log, name="control_agent_log"),
    path("logs/<uuid:token>/download/", agent_logs.agent_log_download, name="agent_log_download"),
    path("vendor-calls/", vendor_calls.vendor_calls, name="vendor_calls"),
    path("vendor-calls/in-doubt/", vendor_calls.devices_in_doubt, name="in_doubt"),
    path("vendor-calls/freeze/", request_controls.freeze, name="freeze"),
    path("storage/", storage.storage, name="storage"),
    path("audit/", audit.audit_list, name="audit"),
    path("audit/<int:number>/", audit.audit_event, name="audit_event"),
    path("audit/jobs/", audit_jobs.audit_jobs, name="audit_jobs"),
    path("audit/checks/", audit_jobs.check, name="audit_check"),
    path("audit/exports/", audit_jobs.export, name="audit_export"),
    path("audit/exports/<uuid:token>/", audit_jobs.download, name="audit_download"),
    path("accounts/login/", sign_in.sign_in, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/signup/", account.signup, name="account_signup"),
]


def _moved(name: str) -> Callable[..., HttpResponseBase]:
    """A view that redirects permanently to the page of that name and keeps the query."""
    return RedirectView.as_view(pattern_name=name, permanent=True, query_string=True)


redirects = [
    path("budget/", _moved("vendor_calls"), name="old_vendor_calls"),
    path("devices/pick/", _moved("upload_list"), name="old_upload_list"),
    path("devices/pick/<uuid:token>/", _moved("uploaded_list"), name="old_uploaded_list"),
    path("devices/find/", _moved("find_device"), name="old_find_device"),
    path("audit/work/", _moved("audit_jobs"), name="old_audit_jobs"),
]
"""Addresses of earlier versions that a person may have as a bookmark.

An address that only lacks its last slash is redirected by Django's CommonMiddleware.
"""

urlpatterns = [*pages, *redirects]

handler400 = "dashboard.views.errors.bad_request"
handler429 = "dashboard.views.errors.too_many_requests"
handler500 = "dashboard.views.errors.server_error"
