"""The pages of the audit trail."""

import pytest

from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import Parsed
from tests.factories import actor_for, enrol, know_devices, make_person, make_request

pytestmark = pytest.mark.django_db

AUDIT = "/audit/"


@pytest.fixture
def reader(visit: Visitor):
    return visit("auditor")


@pytest.fixture
def history(operator):
    hanna = actor_for(make_person("hanna", "helpdesk"))
    know_devices("kiosk", "laptop")
    make_request(operator, "kiosk", reason="Windows update weekend", ticket="CHG-2041")
    make_request(hanna, "laptop", reason="caller is locked out", ticket="INC-7")


def verbs(client, **view):
    return [event.verb for event in client.get(AUDIT, view).context["events"]]


def actors(client, **view):
    return [event.actor for event in client.get(AUDIT, view).context["events"]]


def test_a_line_shows_actor_verb_time_reason_and_source(reader, operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", reason="Windows update", ticket="CHG-1")
    send_due()
    text = Parsed(reader.get(AUDIT).content.decode()).text
    for word in ("oscar", "Request submitted", "Windows update", "CHG-1", "unexempt, 1 device"):
        assert word in text
    for word in ("Call answered", "engine", action_request.short_id, "UTC", "page"):
        assert word in text


def test_a_detail_of_the_engine_is_shown_and_searched(reader, operator):
    event = trail.record(
        operator,
        Verb.LOG_FAILED,
        subject_kind="log",
        subject="x",
        reason="asked by phone",
        detail="The archive is <broken>.",
    )
    for url in (AUDIT, f"{AUDIT}{event.pk}/", f"{AUDIT}?q=is+%3Cbroken"):
        html = reader.get(url).content.decode()
        assert "The archive is &lt;broken&gt;." in html
        assert "asked by phone" in html


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("weekend", ["oscar"]),
        ("WEEKEND", ["oscar"]),
        ("INC-7", ["hanna"]),
        ("request.submitted", ["hanna", "oscar"]),
        ("nobody wrote this", []),
        ("%", []),
        ("\x00", ["hanna", "oscar", "auditor"]),
    ],
)
def test_lines_are_searched_by_reason_ticket_and_verb(reader, history, search, found):
    assert actors(reader, q=search) == found


def test_lines_of_a_request_are_found_by_its_id(reader, history):
    subject = AuditEvent.objects.get(actor="hanna").subject
    assert actors(reader, q=subject) == ["hanna"]


def test_a_person_links_to_the_lines_of_that_person(reader, history):
    assert 'href="?person=hanna"' in reader.get(AUDIT).content.decode()
    assert actors(reader, person="hanna") == ["hanna"]
    assert actors(reader, person="hanna", q="weekend") == []
    assert "by hanna" in Parsed(reader.get(AUDIT, {"person": "hanna"}).content.decode()).text


def test_the_next_page_has_older_lines_with_the_same_filter(reader, operator):
    made = [
        trail.record(operator, Verb.DEVICES_EXPORTED, subject_kind="test", subject=str(number)).pk
        for number in range(120)
    ]
    shown, url = [], "?q=devices.exported"
    while url:
        context = reader.get(AUDIT + url).context
        shown += [event.pk for event in context["events"]]
        url = context["next_url"]
        assert not url or "q=devices.exported" in url
    assert shown == made[::-1]


@pytest.mark.parametrize(
    "view",
    [
        {"before": "x"},
        {"before": "-1"},
        {"q": "x" * 5000},
        {"person": "\x00"},
        {"since": "x"},
        {"call": "9" * 30},
        {"until": "9999-12-31"},
        {"device": "\x00%"},
        {"request": "x"},
    ],
)
def test_invalid_parameters_are_no_error(reader, history, view):
    assert reader.get(AUDIT, view).status_code == 200


def test_a_search_that_is_too_short_shows_a_problem(reader, history):
    answer = reader.get(AUDIT, {"q": "ca"})
    assert answer.context["events"] == []
    assert "at least 3 characters" in answer.content.decode()


def test_an_empty_result_shows_a_message(reader):
    assert "Nothing found" in reader.get(AUDIT, {"q": "nothing"}).content.decode()


def test_the_navigation_shows_audit_as_locked_without_the_right(visit: Visitor):
    html = visit("helpdesk").get("/").content.decode()
    assert 'href="/audit/"' not in html
    assert "The role Helpdesk cannot read the audit trail." in html
