"""Who did what to which device, when and why."""

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


def test_the_trail_says_who_what_when_why_and_from_where(reader, operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", reason="Windows update", ticket="CHG-1")
    send_due()
    text = Parsed(reader.get(AUDIT).content.decode()).text
    for word in ("oscar", "Request submitted", "Windows update", "CHG-1", "unexempt, 1 device"):
        assert word in text
    for word in ("Call answered", "engine", action_request.short_id, "UTC", "page"):
        assert word in text


def test_an_explanation_by_the_engine_is_shown_and_searched(reader, operator):
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
def test_the_trail_is_searched_by_reason_ticket_and_deed(reader, history, search, found):
    assert actors(reader, q=search) == found


def test_the_trail_of_one_request_is_found_by_its_id(reader, history):
    subject = AuditEvent.objects.get(actor="hanna").subject
    assert actors(reader, q=subject) == ["hanna"]


def test_the_trail_of_one_person_is_a_click_away(reader, history):
    assert 'href="?person=hanna"' in reader.get(AUDIT).content.decode()
    assert actors(reader, person="hanna") == ["hanna"]
    assert actors(reader, person="hanna", q="weekend") == []
    assert "by hanna" in Parsed(reader.get(AUDIT, {"person": "hanna"}).content.decode()).text


def test_the_trail_goes_on_to_older_lines_and_keeps_the_filter(reader, operator):
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
def test_nonsense_in_the_address_is_no_error(reader, history, view):
    assert reader.get(AUDIT, view).status_code == 200


def test_too_short_a_search_is_told_beside_the_question(reader, history):
    answer = reader.get(AUDIT, {"q": "ca"})
    assert answer.context["events"] == []
    assert "at least 3 characters" in answer.content.decode()


def test_nothing_found_says_so(reader):
    assert "Nothing found" in reader.get(AUDIT, {"q": "nothing"}).content.decode()


def test_the_place_is_shown_locked_to_who_may_not_read_it(visit: Visitor):
    html = visit("helpdesk").get("/").content.decode()
    assert 'href="/audit/"' not in html
    assert "The role Helpdesk cannot read the audit trail." in html
