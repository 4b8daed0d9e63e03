"""The pages while sending is frozen because the database was restored."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.action_requests.models import DeviceCommand
from actions.dispatch import claims
from actions.ratelimit.models import VendorAccount
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.factories import know_devices, make_request

pytestmark = pytest.mark.django_db

REASON = "A backup of 2026-11-28 10:00 UTC was restored."
PAGES = ("/", "/devices/", "/requests/", "/vendor-calls/", "/vendor-calls/in-doubt/", "/audit/")


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


@pytest.fixture
def restored(operator: Any) -> list[Any]:
    """Two requests, with 60 and 3 devices, that waited in the backup."""
    names = [f"host-{number:02}" for number in range(60)]
    know_devices(*names)
    made = [make_request(operator, *names, kind="exempt"), make_request(operator, *names[:3])]
    made.append(make_request(operator, "host-59", kind="dhcprenew"))
    claims.freeze_restored(REASON)
    return made


def test_h1_every_page_tells_that_sending_is_frozen_because_of_a_restore(page, restored):
    for where in (*PAGES, f"/requests/{restored[0].uuid}/"):
        answer = page.get(where)
        assert (
            f"Sending is frozen: the database was restored. {REASON} Nothing is sent until an "
            "operator has read what is in doubt and resumes sending."
        ) in text_of(answer)
        assert '<a href="/vendor-calls/">Show what is in doubt</a>' in answer.content.decode()


def test_h1_the_button_that_resumes_stands_below_the_list_of_what_is_in_doubt(page, restored):
    answer = page.get("/vendor-calls/")
    html, text = answer.content.decode(), text_of(answer)

    for row in (
        "Exempt 60 1 Read back",
        "Unexempt 3 1 Read back",
        "Renew DHCP 1 1 Stays unconfirmed",
    ):
        assert row in text
    assert html.index("?kind=exempt") < html.index("List all devices in doubt")
    assert html.index("List all devices in doubt") < html.index("Resume sending")
    assert html.count('id="freeze"') == 1


def test_h1_the_list_holds_exactly_the_rows_in_doubt_page_by_page(page, operator, restored):
    doubt = set(DeviceCommand.objects.values_list("pk", flat=True))
    make_request(operator, "host-07", kind="exempt")  # Submitted since; it is queued.
    DeviceCommand.objects.filter(pk=min(doubt)).update(in_doubt=False)  # In doubt otherwise.
    doubt.remove(min(doubt))

    first = page.get("/vendor-calls/in-doubt/")
    second = page.get("/vendor-calls/in-doubt/" + first.context["next_url"])

    shown = [each.pk for answer in (first, second) for each in answer.context["commands"]]
    assert shown == sorted(doubt, reverse=True)
    assert (len(first.context["commands"]), second.context["next_url"]) == (50, "")
    assert f"/requests/{restored[0].uuid}/?status=unconfirmed" in second.content.decode()
    only = page.get("/vendor-calls/in-doubt/?kind=unexempt")
    assert [each.request_id for each in only.context["commands"]] == [restored[1].pk] * 3
    assert "Only Unexempt." in text_of(only)
    more = page.get("/vendor-calls/in-doubt/?kind=exempt").context["next_url"]
    assert len(page.get(f"/vendor-calls/in-doubt/{more}").context["commands"]) == 9


def test_h1_the_pages_make_the_same_queries_for_many_rows(page, operator, restored):
    def queries(where: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert page.get(where).status_code == 200
        return len(found)

    few = {where: queries(where) for where in ("/vendor-calls/", "/vendor-calls/in-doubt/")}
    for number in range(6):
        make_request(operator, *(f"host-{each:02}" for each in range(number, 60)), kind="exempt")
    VendorAccount.objects.update(restored_at=None)
    claims.freeze_restored(REASON)
    assert {where: queries(where) for where in few} == few
    assert len(page.get("/vendor-calls/in-doubt/").content) < 150_000


def test_h1_what_is_in_doubt_is_read_in_its_own_index(page, restored):
    with CaptureQueriesContext(connection) as found:
        page.get("/vendor-calls/")
        page.get("/vendor-calls/in-doubt/")
    asked = [each["sql"] for each in found if '"in_doubt"' in each["sql"].partition("WHERE")[2]]
    assert len(asked) == 2
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        for sql in asked:
            plan = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
            cursor.execute(plan + sql)
            used = str(cursor.fetchall())
            # PostgreSQL may take the index of all unconfirmed commands where both are small.
            also = "command_unsure" if connection.vendor == "postgresql" else "command_in_doubt"
            assert "command_in_doubt" in used or also in used


def test_h1_an_operator_resumes_with_a_reason_and_the_notice_goes(page, restored):
    refused = page.post("/vendor-calls/freeze/", {"frozen": "no", "reason": " "}, follow=True)
    assert "restored" in text_of(refused)
    assert VendorAccount.objects.get().frozen

    given = {"frozen": "no", "reason": "I have compared the list"}
    answer = page.post("/vendor-calls/freeze/", given, follow=True)

    assert "Sending is resumed." in text_of(answer)
    assert "Sending is frozen" not in text_of(answer)
    line = AuditEvent.objects.get(verb=Verb.SENDING_RESUMED)
    assert (line.reason, line.actor) == ("I have compared the list", "operator")
    assert line.data["in_doubt"] == 64
    assert "host-59" in text_of(page.get("/vendor-calls/in-doubt/"))  # Until it is known.


@pytest.mark.parametrize("role", ["viewer", "helpdesk", "auditor"])
def test_h1_others_see_the_list_without_the_button(visit, restored, role):
    text = text_of(visit(role).get("/vendor-calls/"))
    assert "Exempt 60 1 Read back" in text
    assert "Only operators can freeze or resume sending." in text
    assert "Resume sending" not in text


def test_h1_a_backup_in_which_nothing_waited_says_so(page, db):
    claims.freeze_restored(REASON)
    text = text_of(page.get("/vendor-calls/"))
    assert "Nothing waited to be sent when the backup was made" in text
    assert "No device in doubt" in text_of(page.get("/vendor-calls/in-doubt/"))
