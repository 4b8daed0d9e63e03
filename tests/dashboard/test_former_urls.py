"""Redirects of former URLs, which users may have bookmarked."""

import pytest

from actions.inventory.models import Device
from dashboard.models import SavedView, User
from tests.dashboard.conftest import Visitor
from tests.factories import know_devices, make_request

pytestmark = pytest.mark.django_db

TOKEN = "96799198-3750-4b8f-8aa6-45c745e52d0b"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/budget/", "/vendor-calls/"),
        ("/budget/?page=2", "/vendor-calls/?page=2"),
        ("/devices/pick/", "/devices/lists/"),
        (f"/devices/pick/{TOKEN}/", f"/devices/lists/{TOKEN}/"),
        ("/devices/find/?q=kiosk", "/devices/search/?q=kiosk"),
        ("/audit/work/", "/audit/jobs/"),
        ("/requests/new?kind=exempt", "/requests/new/?kind=exempt"),
        ("/devices/export", "/devices/export/"),
    ],
)
def test_an_old_address_redirects_permanently_and_keeps_its_query(visit: Visitor, old, new):
    answer = visit("operator").get(old)

    assert (answer.status_code, answer["Location"]) == (301, new)


def test_requests_devices_audit_records_and_saved_views_keep_their_addresses(
    visit: Visitor, operator
):
    know_devices("kiosk")
    request = make_request(operator, "kiosk")
    device = Device.objects.get()
    user = User.objects.get(username=operator.name)
    view = SavedView.objects.create(owner=user, name="Mine", query="q=kiosk", shared=True)
    page = visit("operator")

    for address in (f"/requests/{request.uuid}/", f"/devices/{device.pk}/", "/audit/1/"):
        assert page.get(address).status_code == 200
    assert page.get(f"/devices/views/{view.uuid}/")["Location"] == "/devices/?q=kiosk"
