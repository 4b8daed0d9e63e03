"""Refusals and odd answers of the vendor: sending slows down, and every page says why."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.timezone import now

from actions.action_requests import selectors as action_requests
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.trail.models import AuditEvent
from tests.dispatch.steps import end_pause, paused_for, run
from tests.factories import know_devices, make_request, statuses
from tests.scripted import WAF_PAGE, accept, blocked, say

pytestmark = pytest.mark.django_db

UNDOCUMENTED = [402, 408, 409, 410, 412, 418, 422, 423, 424, 425, 426, 428, 431, 444, 451, 499]


# Codes that the vendor does not document, pages of a gateway, and calls that are refused as such.


def request_in_two_calls(operator, settings):
    settings.OPSWAT_MAX_DEVICES = 2
    names = ["a", "b", "c", "d"]
    know_devices(*names)
    return make_request(operator, *names, kind="exempt")


@pytest.mark.parametrize(
    "answer",
    [
        *(blocked(code) for code in (403, 404, 405, 406, 415, 403)),
        # In the vendor's own form too: only 400 is about a device (F3).
        *(say(code, {"error": "no such action"}) for code in (403, 404, 405, 406, 415)),
        *(say(code, {"error": "no"}) for code in UNDOCUMENTED),
        *(say(code, WAF_PAGE) for code in UNDOCUMENTED),
        say(403, b""),
        say(403, b"Forbidden"),
    ],
)
def test_case_37_what_a_gateway_refuses_is_queued_again_and_told(
    operator, scripted, settings, answer
):
    action_request = request_in_two_calls(operator, settings)
    scripted.answers["action"] = answer
    code = answer({})[0]

    assert run() == 2  # The token and one call.

    assert set(statuses(action_request).values()) == {S.QUEUED}
    assert paused_for() > 0
    details = {row.detail for row in action_request.commands.filter(call__isnull=False)}
    assert details
    assert all(f"HTTP {code}" in detail for detail in details)
    scripted.answers["action"] = accept
    end_pause()
    run()
    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert scripted.counts["action"] == 3


def test_case_37_three_in_a_row_stop_the_line_and_every_page_says_so(
    operator, scripted, settings, signed_in
):
    action_request = request_in_two_calls(operator, settings)
    scripted.answers["action"] = blocked()
    for _ in range(6):
        run()
        end_pause()

    assert scripted.counts["action"] == 6
    assert set(statuses(action_request).values()) == {S.QUEUED}
    page = signed_in.get(reverse("devices")).content.decode()
    assert "HTTP 403" in page
    assert "banner-danger" in page


def test_case_37_a_call_that_alone_is_refused_does_not_hold_up_the_others(
    operator, scripted, settings
):
    action_request = request_in_two_calls(operator, settings)
    scripted.answers["action"] = lambda asked: (
        blocked()(asked) if "a" in asked["ids"] else accept(asked)
    )
    run()
    VendorAccount.objects.update(open_until=now() - timedelta(seconds=1))

    run()

    assert statuses(action_request) == {
        "a": S.QUEUED,
        "b": S.QUEUED,
        "c": S.ACCEPTED,
        "d": S.ACCEPTED,
    }


@pytest.mark.parametrize("body", [WAF_PAGE, b"", b'{"error": "too large"}'])
def test_case_37_a_call_that_is_too_large_is_split(operator, scripted, settings, body):
    settings.OPSWAT_RATE_LIMIT = (100, 6.0)
    action_request = request_in_two_calls(operator, settings)
    scripted.answers["action"] = lambda asked: (
        (413, body, ()) if len(asked["ids"]) > 1 else accept(asked)
    )

    dispatcher.dispatch(10.0, alone=True)

    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert AuditEvent.objects.filter(verb="call.split").exists()


def test_case_37_a_refusal_of_the_content_is_final(operator, scripted):
    scripted.answers["action"] = say(400, {"error": "no such action"})
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")

    run()

    assert statuses(action_request) == {"kiosk": S.FAILED}
    assert paused_for() == 0


# The vendor's own words.

WORDS = [
    (200, "Your license expired on 2026-10-31"),
    (400, "This account may not use fetch_agent_log"),
    (403, "Write permission on Devices is required"),
    (500, "backend database is read-only until 14:00 UTC"),
    (409, "another administrator works on it"),
]


@pytest.mark.parametrize(("code", "words"), WORDS)
def test_case_38_the_vendors_words_stand_wherever_the_failure_is_told(
    operator, scripted, signed_in, code, words
):
    token = "a-token-of-the-vendor"
    scripted.answers["action"] = say(code, {"error": "x", "message": f"{words} <b>{token}</b>"})
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")

    run()

    (call,) = VendorCall.objects.filter(api="action")
    assert words in call.vendor_words
    assert len(call.vendor_words) <= 300
    trail = AuditEvent.objects.filter(verb__startswith="call.").get()
    assert words in trail.data["vendor_words"]
    addresses = (
        reverse("action_request", args=[action_request.uuid]),
        reverse("vendor_calls"),
    )
    for address in addresses:
        page = signed_in.get(address).content.decode()
        assert words in page
        assert "<b>[removed]" not in page
    out = StringIO()
    call_command("action_request", str(action_request.uuid), "show", stdout=out)
    assert words in out.getvalue()
    assert any(words in reason for reason in action_requests.reasons(action_request))
    everything = json.dumps([call.vendor_words, trail.data, out.getvalue()])
    assert token not in everything
