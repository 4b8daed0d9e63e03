"""Which role may open which URL. A new URL fails here until it is listed."""

from uuid import uuid4

import pytest

from actions.actor import Actor
from actions.audit import jobs
from actions.audit.query import AuditQuery
from actions.inventory.models import Device
from actions.selections.choose import choose_devices
from actions.selections.list_parser import Row
from actions.selections.uploads import keep_list
from actions.trail.models import AuditEvent
from dashboard.device_list import saved_views
from dashboard.models import User
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import address, row_counts, url_names
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db

ROLES = ("", "viewer", "helpdesk", "operator", "auditor")
EVERYBODY = (302, 200, 200, 200, 200)
LOG_READERS = (302, 403, 200, 200, 403)
NO_POST = (302, 405, 405, 405, 405)
MOVED = (302, 301, 301, 301, 301)
"""Permanent redirects of former URLs."""

GET = {
    "overview": EVERYBODY,
    "devices": EVERYBODY,
    "device": EVERYBODY,
    "refresh_device": NO_POST,
    # Without a search it redirects to the list.
    "find_device": (302, 302, 302, 302, 302),
    "inventory": EVERYBODY,
    "read_inventory": NO_POST,
    "stop_inventory_read": NO_POST,
    "choose_devices": NO_POST,
    "upload_list": (302, 403, 200, 200, 403),
    # A list is visible to its owner only: 404 means that the guards were passed.
    "uploaded_list": (302, 403, 404, 404, 403),
    "uploaded_list_lines": (302, 403, 404, 404, 403),
    "device_count": EVERYBODY,
    "export_devices": NO_POST,
    "device_columns": NO_POST,
    "save_device_view": NO_POST,
    # There is no such view: 404 means that the guards were passed.
    "device_view": (302, 404, 404, 404, 404),
    # There is no such view: 404 means that the guards were passed.
    "change_device_view": (302, 404, 404, 404, 404),
    "action_requests": EVERYBODY,
    "action_request": EVERYBODY,
    # This test asks by WSGI, which cannot stream: 501 means that the guards were passed.
    "action_request_stream": (302, 501, 501, 501, 501),
    "compose": (302, 403, 200, 200, 403),
    "agent_logs": LOG_READERS,
    "agent_log": LOG_READERS,
    "action_request_logs": LOG_READERS,
    "control_agent_log": NO_POST,
    # The log has not come: 404 means that the guards were passed.
    "agent_log_download": (302, 403, 404, 404, 403),
    "vendor_calls": EVERYBODY,
    "in_doubt": EVERYBODY,
    "control_action_request": NO_POST,
    "freeze": NO_POST,
    "storage": (302, 403, 403, 200, 200),
    "audit": (302, 403, 403, 200, 200),
    "audit_event": (302, 403, 403, 200, 200),
    "audit_jobs": (302, 403, 403, 200, 200),
    "audit_check": NO_POST,
    "audit_export": NO_POST,
    "audit_download": NO_POST,
    "account_login": (200, 302, 302, 302, 302),
    "account_logout": (302, 200, 200, 200, 200),
    "account_inactive": (200, 200, 200, 200, 200),
    "account_signup": (200, 302, 302, 302, 302),
    "old_vendor_calls": MOVED,
    "old_upload_list": MOVED,
    "old_uploaded_list": MOVED,
    "old_find_device": MOVED,
    "old_audit_jobs": MOVED,
}
POST = {
    "overview": NO_POST,
    "devices": NO_POST,
    "device": NO_POST,
    "refresh_device": (302, 403, 302, 302, 403),
    "find_device": NO_POST,
    "inventory": NO_POST,
    "read_inventory": (302, 403, 403, 302, 403),
    "stop_inventory_read": (302, 403, 403, 302, 403),
    "device_count": NO_POST,
    # Without a device, a format or a name nothing is done, and a message says so.
    "choose_devices": (302, 403, 303, 303, 403),
    "export_devices": (302, 302, 302, 302, 302),
    "device_columns": (302, 302, 302, 302, 302),
    "save_device_view": (302, 302, 302, 302, 302),
    "device_view": NO_POST,
    "change_device_view": (302, 404, 404, 404, 404),
    "action_requests": NO_POST,
    "action_request": NO_POST,
    "action_request_stream": NO_POST,
    "upload_list": (302, 403, 422, 422, 403),
    "uploaded_list": (302, 403, 404, 404, 403),
    "uploaded_list_lines": NO_POST,
    "compose": (302, 403, 422, 422, 403),
    "agent_logs": NO_POST,
    "agent_log": NO_POST,
    "action_request_logs": NO_POST,
    "control_agent_log": (302, 403, 302, 302, 403),
    "agent_log_download": NO_POST,
    # Without a verb nothing is done: 422 means that the person may control this request.
    "control_action_request": (302, 403, 403, 422, 403),
    "freeze": (302, 403, 403, 302, 403),
    "vendor_calls": NO_POST,
    "storage": NO_POST,
    "in_doubt": NO_POST,
    "audit": NO_POST,
    "audit_event": NO_POST,
    "audit_jobs": NO_POST,
    "audit_check": (302, 403, 403, 302, 302),
    # No format is chosen, and there is no export with that token: the guards were passed.
    "audit_export": (302, 403, 403, 302, 302),
    "audit_download": (302, 403, 403, 404, 404),
    "account_login": (200, 302, 302, 302, 302),
    "account_logout": (302, 302, 302, 302, 302),
    "account_inactive": (405, 405, 405, 405, 405),
    "account_signup": (200, 302, 302, 302, 302),
    "old_vendor_calls": MOVED,
    "old_upload_list": MOVED,
    "old_uploaded_list": MOVED,
    "old_find_device": MOVED,
    "old_audit_jobs": MOVED,
}


PAGE = "page.refused"
SUBMITTERS_ONLY = (PAGE, "", "", PAGE)
CANCEL, SYNC = "request.cancel_refused", "inventory.sync_refused"
STOP = "inventory.sync_stop_refused"
VIEW, FREEZE = "view.change_refused", "sending.freeze_refused"
REFUSED = {
    # Without a device, the service refuses to choose.
    "choose_devices": (PAGE, "selection.refused", "selection.refused", PAGE),
    # A selection and a list of another person are not found; that they were asked for is recorded.
    "compose": (PAGE, PAGE, PAGE, PAGE),
    "uploaded_list": (PAGE, PAGE, PAGE, PAGE),
    "upload_list": SUBMITTERS_ONLY,
    "refresh_device": SUBMITTERS_ONLY,
    "change_device_view": (VIEW, VIEW, VIEW, VIEW),
    "read_inventory": (SYNC, SYNC, "", SYNC),
    "stop_inventory_read": (STOP, STOP, "", STOP),
    "control_action_request": (CANCEL, CANCEL, "", CANCEL),
    "control_agent_log": (PAGE, "log.control_refused", "", PAGE),
    # An operator gives no reason.
    "freeze": (FREEZE, FREEZE, FREEZE, FREEZE),
    "audit_check": (PAGE, PAGE, "", ""),
    # The format of the export is missing; the other export has no file.
    "audit_export": (PAGE, PAGE, "audit.export_refused", "audit.export_refused"),
    "audit_download": (PAGE, PAGE, "audit.download_refused", "audit.download_refused"),
}
"""The line that each role's POST of FORMS leaves; URLs without an entry refuse no role."""

FORMS = {
    "change_device_view": {"verb": "share"},
    "control_action_request": {"verb": "cancel"},
    "control_agent_log": {"verb": "stop"},
    "freeze": {"frozen": "yes", "reason": ""},
}
"""What is posted, where an empty form would ask for nothing."""


@pytest.fixture
def token(operator):
    know_devices("kiosk")
    request = make_request(operator, "kiosk", kind="fetch_agent_log")
    accept_fetches(request)
    return request.uuid


def test_every_url_is_classified():
    assert sorted(url_names()) == sorted(GET) == sorted(POST)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_exactly_the_listed_pages(role, visit: Visitor, token):
    index = ROLES.index(role)
    found = {name: visit(role).get(address(name, token)).status_code for name in GET}
    assert found == {name: codes[index] for name, codes in GET.items()}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_posts_exactly_to_the_listed_urls(role, visit: Visitor, token):
    index = ROLES.index(role)
    found = {name: visit(role).post(address(name, token)).status_code for name in POST}
    assert found == {name: codes[index] for name, codes in POST.items()}


@pytest.fixture
def anothers(operator: Actor, token):
    """What belongs to the operator Oscar, by the name of the URL that shows it."""
    owner = User.objects.get(username=operator.name)
    view = saved_views.save(owner, operator, name="Kiosks", query="q=kiosk", shared=True)
    return {
        "compose": choose_devices(Device.objects.all(), operator).uuid,
        "change_device_view": view.uuid,
        "uploaded_list": keep_list([Row(1, ["kiosk"])], operator).uuid,
        "audit_download": jobs.ask_export(operator, AuditQuery(), "csv").uuid,
    }


def refusals() -> list[str]:
    """The verbs of all refusals in the trail, in their order."""
    lines = AuditEvent.objects.filter(verb__endswith="refused").order_by("id")
    return list(lines.values_list("verb", flat=True))


@pytest.mark.parametrize("role", ROLES)
def test_a_refused_post_leaves_exactly_one_line(role, visit: Visitor, token, anothers):
    client = visit(role)
    for name in POST:
        before = len(refusals())
        form = {"selection": anothers[name]} if name == "compose" else FORMS.get(name, {})

        answer = client.post(address(name, anothers.get(name, token)), form)

        verb = REFUSED[name][ROLES.index(role) - 1] if role and name in REFUSED else ""
        assert (name, refusals()[before:]) == (name, [verb] if verb else [])
        assert verb or answer.status_code != 403, name


@pytest.mark.parametrize("role", ROLES[1:])
def test_a_post_to_a_private_view_of_another_is_not_found_and_recorded(
    role, visit: Visitor, operator
):
    owner = User.objects.get(username=operator.name)
    view = saved_views.save(owner, operator, name="Kiosks", query="q=kiosk", shared=False)
    client = visit(role)

    assert client.post(address("change_device_view", uuid4())).status_code == 404
    assert refusals() == []
    url = address("change_device_view", view.uuid)
    assert client.post(url, {"verb": "drop"}).status_code == 404

    line = AuditEvent.objects.get(verb=PAGE)
    assert (line.actor, line.subject, line.data["codes"]) == (role, url, ["not_your_view"])


def test_signed_out_users_are_redirected_to_sign_in_and_back(visit: Visitor, token):
    for name, codes in GET.items():
        if codes[0] == 302 and not name.startswith("account_"):
            url = address(name, token)
            assert visit("").get(url)["Location"] == f"/accounts/login/?next={url}"


@pytest.mark.parametrize("role", ROLES)
def test_a_get_changes_no_row_but_records_what_was_refused(role, visit: Visitor, token):
    client = visit(role)
    before, lines = row_counts(), AuditEvent.objects.count()
    for name in GET:
        client.get(address(name, token))
        client.get(address(name, token), headers={"HX-Request": "true"})
    assert row_counts() == before
    assert AuditEvent.objects.count() - lines == refusals().count(PAGE)


@pytest.mark.parametrize("role", ROLES)
def test_a_form_without_a_csrf_token_is_refused(role, visit: Visitor, token):
    client = visit(role, enforce_csrf_checks=True)
    before = row_counts()
    for name in POST:
        answer = client.post(address(name, token))
        assert (name, answer.status_code) == (name, 403)
        assert "This form is no longer valid" in answer.content.decode()
    assert row_counts() == before


def test_an_expired_session_makes_htmx_leave_the_page(visit: Visitor):
    answer = visit("").get("/devices/", headers={"HX-Request": "true", "HX-Target": "device-list"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/")


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_roles_without_kinds_see_no_checkboxes_and_no_button(role, visit: Visitor):
    know_devices("kiosk")
    html = visit(role).get("/devices/").content.decode()
    assert "kiosk" in html
    assert "data-select-row" not in html
    assert "Choose an action" not in html
