"""Refusals and odd answers of the vendor: sending slows down, and every page says why."""

import json
import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.trail.models import AuditEvent
from tests.factories import know_devices, make_request, statuses
from tests.scripted import WAF_PAGE, accept, blocked, say

pytestmark = pytest.mark.django_db

WINDOW = 600.0
UNDOCUMENTED = [402, 408, 409, 410, 412, 418, 422, 423, 424, 425, 426, 428, 431, 444, 451, 499]


def run() -> int:
    """Send until a pause; return the number of calls."""
    calls = 0
    while dispatcher.step() == 0.0:
        calls += 1
    return calls


def paused_for() -> float:
    until = VendorAccount.objects.get().open_until
    return (until - now()).total_seconds() if until else 0.0


def end_pause() -> None:
    """Let the time of the pause pass, and that of each command."""
    VendorAccount.objects.update(open_until=now() - timedelta(seconds=1))
    DeviceCommand.objects.filter(status=S.QUEUED).update(due_at=now() - timedelta(seconds=1))


# The lifetime of a token.


@pytest.mark.parametrize(
    "lifetime",
    [
        *("9223372036854775", "9223372036854775807", "252000000000", "253402300799", "43199000"),
        *("1e300", "1e-300", "NaN", "Infinity", "-Infinity", "-1", "0", "true", "null", "[]"),
        *('"9223372036854775"', '"soon"', '"1e400"', "9" * 4000),
    ],
)
def test_case_30_no_lifetime_of_a_token_stops_sending(operator, scripted, lifetime):
    body = b'{"access_token": "a-token-of-the-vendor", "expires_in": %s}' % lifetime.encode()
    scripted.answers["token"] = say(200, body)
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")

    run()

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}
    expires = VendorAccount.objects.get().token_expires_at
    assert expires is not None
    assert now() < expires <= now() + timedelta(days=1)
    assert scripted.counts == {"token": 1, "action": 1}


# Refusals of the token endpoint.


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 406, 410, 413, 415, 418, 429, 500, 503])
def test_case_31_every_refusal_of_a_token_pauses_and_is_told(operator, scripted, signed_in, code):
    scripted.answers["token"] = say(code, {"error": "not from here"})
    know_devices("kiosk")
    make_request(operator, "kiosk")
    pauses = []
    for _ in range(7):
        assert run() == 1
        pauses.append(paused_for())
        page = signed_in.get(reverse("overview")).content.decode()
        assert f"HTTP {code}" in page
        end_pause()
        assert f"HTTP {code}" in signed_in.get(reverse("overview")).content.decode()

    assert scripted.counts == {"token": 7}
    if code != 429:
        expected = [min(WINDOW, WINDOW / 30 * 2**n) for n in range(7)]
        assert all(got <= due for got, due in zip(pauses, expected, strict=True))
        assert pauses[0] > 0
        assert pauses[-1] > WINDOW / 2


def test_case_31_a_page_of_a_gateway_at_the_token_endpoint_pauses(operator, scripted):
    scripted.answers["token"] = blocked()
    know_devices("kiosk")
    action_request = make_request(operator, "kiosk")

    assert run() == 1

    assert paused_for() > 0
    assert statuses(action_request) == {"kiosk": S.QUEUED}


# Which trouble is about the credentials.


@pytest.mark.parametrize("code", [403, 404, 500, 503])
def test_case_42_trouble_of_the_sign_in_service_is_not_told_as_wrong_credentials(
    operator, scripted, signed_in, code
):
    scripted.answers["action"] = say(401, {"error": "the token was revoked"})
    know_devices("kiosk")
    make_request(operator, "kiosk")
    dispatcher.step()
    scripted.answers["token"] = say(code, {"error": "maintenance"})

    run()

    page = signed_in.get(reverse("overview")).content.decode()
    assert "credentials" not in page
    assert "OPSWAT_CLIENT_SECRET" not in page
    assert f"sign-in service answers HTTP {code}" in page


@pytest.mark.parametrize("code", [400, 401])
def test_case_42_refused_credentials_are_told_as_such(operator, scripted, signed_in, code):
    scripted.answers["token"] = say(code, {"error": "invalid_client"})
    know_devices("kiosk")
    make_request(operator, "kiosk")

    run()

    page = signed_in.get(reverse("overview")).content.decode()
    assert "does not accept this console&#x27;s credentials" in page
    assert f"HTTP {code}" in page


def test_case_42_a_token_that_the_api_refuses_is_told_as_such(operator, scripted, signed_in):
    scripted.answers["action"] = say(401, {"error": "unknown token"})
    know_devices("kiosk")
    make_request(operator, "kiosk")

    run()

    page = signed_in.get(reverse("overview")).content.decode()
    assert "OPSWAT_CLIENT_SECRET" not in page
    assert "HTTP 401" in page
    assert scripted.counts == {"token": 2, "action": 2}


# The rate limit.


@pytest.mark.parametrize("reset", ["0", "0.0", "past 5", "past 90", "past ms", "-5", "soon", ""])
def test_case_40_a_reset_that_tells_nothing_waits_a_window_and_sends_one_probe(
    operator, scripted, reset
):
    if reset.startswith("past"):
        ago = 90 if reset == "past 90" else 5
        reset = str(int(time.time() - ago) * (1000 if reset == "past ms" else 1))
    lines = ("X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 0")
    scripted.answers["action"] = say(429, b"", *lines, f"X-RateLimit-Reset-Time: {reset}")
    know_devices("a", "b", "c")
    for name, kind in (("a", "exempt"), ("b", "unexempt"), ("c", "delete")):
        make_request(operator, name, kind=kind)

    run()

    assert scripted.counts == {"token": 1, "action": 1}
    assert paused_for() > WINDOW * 0.8
    end_pause()
    run()
    assert scripted.counts == {"token": 1, "action": 2}
    assert paused_for() > WINDOW * 0.8


def test_case_40_a_short_wait_grows_with_each_refusal_in_a_row(operator, scripted):
    scripted.answers["action"] = say(429, b"", "X-RateLimit-Reset-Time: 1")
    know_devices("kiosk")
    make_request(operator, "kiosk")
    pauses = []
    for _ in range(8):
        run()
        pauses.append(paused_for())
        end_pause()

    assert 1 < pauses[0] <= WINDOW / 30
    assert pauses[-1] > WINDOW / 2
    assert scripted.counts["action"] == 8


def test_case_40_retry_after_is_read_where_there_is_no_header_of_the_vendor(operator, scripted):
    scripted.answers["action"] = say(429, b"", "Retry-After: 900")
    know_devices("kiosk")
    make_request(operator, "kiosk")

    run()

    assert WINDOW < paused_for() <= 900


# Codes that the vendor does not document, and pages of a gateway.


def request_in_two_calls(operator, settings):
    settings.OPSWAT_MAX_DEVICES = 2
    names = ["a", "b", "c", "d"]
    know_devices(*names)
    return make_request(operator, *names, kind="exempt")


@pytest.mark.parametrize(
    "answer",
    [
        *(blocked(code) for code in (403, 404, 405, 406, 415, 403)),
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


@pytest.mark.parametrize("code", [400, 403, 404, 405, 415])
def test_case_37_a_refusal_in_the_vendors_json_stays_final(operator, scripted, code):
    scripted.answers["action"] = say(code, {"error": "no such action"})
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
    everything = json.dumps([call.vendor_words, trail.data])
    assert token not in everything
