"""The review page, and that a form is submitted once."""

import threading
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.roles import Role
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.dashboard.conftest import form_token
from tests.dashboard.test_compose import NEW, form_data, stored
from tests.dashboard.walk import Parsed
from tests.factories import know_devices, make_person

pytestmark = pytest.mark.django_db


def test_the_review_shows_action_count_and_sample_and_stores_nothing(page):
    twelve = know_devices(*(f"device-{number:02}" for number in range(12)))

    answer = page.post(NEW, form_data(page, twelve, "delete", step="review", ticket="CHG-7"))

    parsed = Parsed(answer.content.decode())
    assert (answer.status_code, stored()) == (200, 0)
    assert "Delete 12 devices?" in parsed.text
    assert "device-07" in parsed.text
    assert "device-08" not in parsed.text
    assert "and 4 more" in parsed.text
    assert "This cannot be undone." in parsed.text
    assert "because a test says so" in parsed.text
    buttons = {
        attributes["value"]: attributes
        for tag, attributes in parsed.elements
        if tag == "button" and attributes.get("name") == "step"
    }
    assert list(buttons) == ["change", "send"]
    assert "autofocus" in buttons["change"]


def test_the_review_warns_of_a_permanent_exemption(page, devices):
    answer = page.post(NEW, form_data(page, devices, exempt_hours="", forever="on", step="review"))
    assert "these exemptions do not expire" in answer.content.decode()


def hidden_fields(answer):
    return {
        attributes["name"]: attributes.get("value", "")
        for tag, attributes in Parsed(answer.content.decode()).elements
        if tag == "input" and attributes.get("type") == "hidden"
    }


def test_the_review_submits_exactly_the_input(page, devices):
    form = form_data(page, devices, step="review", ticket="CHG-7", reason="two\nlines & “quotes”")
    page.post(NEW, hidden_fields(page.post(NEW, form)) | {"step": "send"})
    action_request = ActionRequest.objects.get()
    assert (action_request.device_count, action_request.ticket) == (3, "CHG-7")
    assert action_request.reason == "two lines & “quotes”"
    assert str(action_request.form_token) == form["form_token"].partition(":")[0]


def test_going_back_from_the_review_keeps_the_input(page, devices):
    answer = page.post(NEW, form_data(page, devices, step="change", ticket="CHG-7"))
    assert (answer.status_code, stored()) == (200, 0)
    assert 'value="CHG-7"' in answer.content.decode()


def test_a_selection_of_six_thousand_devices_is_submitted_whole(page):
    many = know_devices(*(f"device-{number:04}" for number in range(6000)))
    answer = page.post(NEW, form_data(page, many, step="review"))
    assert "Exempt 6,000 devices?" in answer.content.decode()
    page.post(NEW, form_data(page, many))
    assert ActionRequest.objects.get().commands.count() == 6000


def test_submitting_a_form_twice_leads_to_the_first_request(page, devices):
    form = form_data(page, devices)
    first, second = page.post(NEW, form), page.post(NEW, form)
    assert first["Location"] == second["Location"]
    assert (ActionRequest.objects.count(), DeviceCommand.objects.count()) == (1, 3)
    html = page.get(second["Location"]).content.decode()
    assert "This was asked already; nothing was sent again." in html


@pytest.mark.parametrize("field", ["user", "actor", "role", "lane", "device_count", "source"])
def test_unknown_fields_are_ignored(page, devices, field):
    page.post(NEW, form_data(page, devices, **{field: "4711"}))
    action_request = ActionRequest.objects.get()
    assert str(getattr(action_request, field)) != "4711"
    assert (action_request.actor, action_request.device_count) == ("operator", 3)


@pytest.mark.django_db(transaction=True)
def test_six_concurrent_posts_of_one_form_store_one_request(devices):
    clients = [Client() for _ in range(6)]
    clients[0].force_login(make_person("oscar", Role.OPERATOR))
    for client in clients[1:]:
        client.cookies = clients[0].cookies
    form = form_data(clients[0], devices, owner="oscar")
    together = threading.Barrier(6)
    found: list[tuple[int, str]] = []

    def post(client):
        try:
            together.wait(10)
            answer = client.post(NEW, form)
            found.append((answer.status_code, answer.headers.get("Location", "")))
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    action_request = ActionRequest.objects.get()
    assert found == [(302, f"/requests/{action_request.uuid}/")] * 6
    assert DeviceCommand.objects.count() == 3
    assert AuditEvent.objects.filter(verb="request.submitted").count() == 1


def test_h2_a_form_of_another_session_or_person_is_shown_again_with_its_input(page, visit, devices):
    """The token of another session, or of another person, does not count; nothing is lost."""
    helpdesk = visit("helpdesk")
    foreign = form_token(helpdesk)
    earlier = form_token(page)
    page.logout()
    page.force_login(User.objects.get(username="operator"))
    for token in (foreign, earlier, str(uuid4()), "x:y", f"{uuid4()}:{'A' * 43}"):
        form = form_data(page, devices, ticket="CHG-7") | {"form_token": token}
        answer = page.post(NEW, form)
        assert answer.status_code == 422
        html = answer.content.decode()
        assert "This form belongs to an earlier session." in html
        assert 'value="CHG-7"' in html
    assert stored() == 0
    again = hidden_fields(answer)["form_token"]
    assert page.post(NEW, form | {"form_token": again}).status_code == 302


def test_h2_a_form_that_was_sent_before_the_person_signed_in_again_is_not_sent_twice(page, devices):
    form = form_data(page, devices)
    first = page.post(NEW, form)
    page.logout()
    page.force_login(User.objects.get(username="operator"))
    assert page.post(NEW, form)["Location"] == first["Location"]
    assert ActionRequest.objects.count() == 1


def test_h2_a_used_form_with_another_content_asks_and_then_makes_a_second_request(page, devices):
    form = form_data(page, devices)
    page.post(NEW, form)
    answer = page.post(NEW, form | {"reason": "Another reason"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "This form was sent already, with other content" in html
    assert "Send it again to make a second request." in html
    again = hidden_fields(answer)["form_token"]
    assert page.post(NEW, form | {"reason": "Another", "form_token": again}).status_code == 302
    assert ActionRequest.objects.count() == 2
