"""A form whose token is no longer valid, and forms that other sites send."""

import re
from pathlib import Path

import pytest
from django.conf import settings as console
from django.test import Client

from actions.trail.models import AuditEvent
from dashboard.views.errors import TYPED
from tests.dashboard.conftest import Visitor
from tests.dashboard.test_every_url import FORMS, POST
from tests.dashboard.walk import Parsed, address, row_counts
from tests.factories import PASSWORD, know_devices, make_request

pytestmark = pytest.mark.django_db

OWN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
TEXT = "KIOSK-1\nlaptop <9> & co"

FORMS_WITH_TEXT = {
    "upload_list": {"lines": TEXT},
    "compose": {"reason": TEXT, "ticket": "INC-1", "kind": "unexempt", "step": "send"},
    "save_device_view": {"name": "My kiosks", "query": "q=kiosk"},
    "control_action_request": {"verb": "cancel", "reason": TEXT},
    "freeze": {"frozen": "yes", "reason": TEXT},
}


@pytest.fixture
def token(operator):
    know_devices("kiosk")
    return make_request(operator, "kiosk").uuid


def stale(visit: Visitor) -> Client:
    """A client whose pages hold the token of the sign-in before."""
    client = visit("operator", enforce_csrf_checks=True)
    client.get("/requests/")
    return client


def fields_of(page: str) -> dict[str, str]:
    """Return what the form of the page would send."""
    found = {
        each["name"]: each.get("value", "")
        for tag, each in Parsed(page).elements
        if tag == "input" and each.get("name")
    }
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', page, re.S
    ):
        found[name] = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return found


@pytest.mark.parametrize("name", FORMS_WITH_TEXT)
@pytest.mark.parametrize(
    "headers", [OWN, {"Origin": OWN["Origin"]}, {"Sec-Fetch-Site": "same-origin"}]
)
def test_case_60_what_was_typed_is_shown_again_and_nothing_is_done(
    visit: Visitor, token, name, headers
):
    client, form = stale(visit), FORMS_WITH_TEXT[name]
    before = row_counts()
    url = address(name, token)
    answer = client.post(url, {**form, "csrfmiddlewaretoken": "a" * 64}, headers=headers)
    assert answer.status_code == 403
    assert row_counts() == before
    page = answer.content.decode()
    assert "This form is no longer valid" in page
    found = fields_of(page)
    assert form.items() <= found.items()
    # One more click: the same form, with the token of that page, arrives.
    found.pop("file", None)
    again = client.post(url, found, headers=headers)
    assert again.status_code != 403


def test_case_60_the_list_arrives_with_one_more_click(visit: Visitor, fleet):
    client = stale(visit)
    form = {"lines": "KIOSK-7\nLAPTOP-9", "csrfmiddlewaretoken": "x"}
    page = client.post("/devices/lists/", form, headers=OWN).content.decode()
    answer = client.post("/devices/lists/", fields_of(page), headers=OWN)
    assert answer.status_code in {302, 303}
    assert client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:81"},
        {"Origin": "https://testserver"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_another_sites_form_is_never_shown_again(visit: Visitor, token, headers):
    client = stale(visit)
    answer = client.post("/devices/lists/", {"lines": "planted"}, headers=headers)
    assert answer.status_code == 403
    assert "planted" not in answer.content.decode()
    assert not client.get("/").wsgi_request.POST


def test_the_password_of_a_sign_in_is_never_shown_again(visit: Visitor):
    for client in (Client(enforce_csrf_checks=True), stale(visit)):
        form = {"login": "oscar", "password": PASSWORD}
        answer = client.post("/accounts/login/", form, headers=OWN)
        assert answer.status_code == 403
        assert PASSWORD not in answer.content.decode()


def test_a_form_of_a_signed_out_person_leads_to_sign_in():
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/devices/lists/", {"lines": "x"}, headers=OWN)
    assert answer["Location"].startswith("/accounts/login/?next=/devices/lists/")


def test_every_field_that_people_type_into_is_known():
    """A field that is typed but unknown would be kept, but not seen before it is sent again."""
    shown = set(TYPED)
    for path in Path(console.BASE_DIR, "templates").rglob("*.html"):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(), re.S):
            for tag in re.findall(r"<(?:input|textarea)[^>]*>", form):
                kind = re.search(r'type="(\w+)"', tag)
                name = re.search(r'name="(\w+)"', tag)
                if name and (kind is None or kind[1] in {"text", "search", "number"}):
                    assert name[1] in shown, f"{path.name}: {name[1]}"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("role", ["", "viewer", "operator"])
def test_threat_1_a_post_from_another_site_is_refused_even_with_a_good_token(
    visit: Visitor, token, site, role
):
    client = visit(role, enforce_csrf_checks=True)
    page = client.get("/accounts/login/" if not role else "/requests/").content.decode()
    good = re.search(r'name="csrfmiddlewaretoken"\s+value="([^"]*)"', page)
    assert good
    before = row_counts()
    for name in POST:
        form = {**FORMS.get(name, {}), "csrfmiddlewaretoken": good[1]}
        for method in (client.post, client.put, client.patch, client.delete):
            answer = method(address(name, token), form, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403, name
    assert row_counts() == before
    assert not AuditEvent.objects.filter(verb="person.signed_out").exists()


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_post_of_our_own_pages_and_of_scripts_is_accepted(visit: Visitor, token, site):
    url = address("control_action_request", token)
    answer = visit("operator").post(url, {"verb": "none"}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 422
