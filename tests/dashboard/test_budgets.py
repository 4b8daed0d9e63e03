"""Pages of a person who has asked for more than a minute's limit."""

import json

import pytest

from actions.inventory.models import Device
from actions.trail.models import AuditEvent
from tests.dashboard.walk import Parsed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_a_minute(settings):
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 1)


def test_h5_a_refresh_over_the_limit_says_when_to_try_again(page, devices):
    first, second = (f"/devices/{each.pk}/refresh/" for each in Device.objects.all()[:2])
    assert page.post(first).status_code == 302
    answer = page.post(second)
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    text = Parsed(answer.content.decode()).text
    assert "You have reached the limit of 1 refreshes a minute. Try again in" in text
    line = AuditEvent.objects.get(verb="device.refresh_refused")
    assert line.data["codes"] == ["over_budget"]


def test_h5_an_htmx_request_over_the_limit_gets_a_toast_with_the_reason(page, devices):
    first, where = (f"/devices/{each.pk}/refresh/" for each in Device.objects.all()[:2])
    assert page.post(first).status_code == 302
    whole = page.post(where)
    part = page.post(where, headers={"HX-Request": "true"})
    assert (whole.status_code, part.status_code) == (429, 429)
    assert "HX-Trigger" not in whole
    toast = json.loads(part["HX-Trigger"])["toast"]
    assert toast["level"] == "error"
    assert toast["text"].startswith("You have reached the limit of 1 refreshes a minute. Try again")


def test_h5_an_export_over_the_limit_is_refused_and_recorded(page, devices):
    form = {"query": "", "format": "csv"}
    assert page.post("/devices/export/", form).status_code == 200
    assert page.post("/devices/export/", form).status_code == 429
    assert AuditEvent.objects.filter(verb="devices.exported").count() == 1
    line = AuditEvent.objects.get(verb="page.refused")
    assert (line.subject, line.data["codes"]) == ("/devices/export/", ["over_budget"])


def test_h5_an_upload_over_the_limit_keeps_what_was_pasted(page, devices):
    assert page.post("/devices/lists/", {"lines": "kiosk"}).status_code == 303
    answer = page.post("/devices/lists/", {"lines": "kiosk"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "limit of 1 uploads a minute" in html
    assert ">kiosk</textarea>" in html.replace("\n", "")


def test_h5_a_selection_over_the_limit_leads_back_to_the_list(page, devices):
    form = {"device": devices[0].pk, "device_query": "q=k"}
    assert "selection=" in page.post("/selections/", form)["Location"]
    answer = page.post("/selections/", form)
    assert answer["Location"].startswith("/devices/")
    assert "limit of 1 selections a minute" in page.get("/devices/").content.decode()
