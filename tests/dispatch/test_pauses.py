"""Tokens and the rate limit: each refusal pauses with growth, and every page says why."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorAccount
from tests.dispatch.steps import end_pause, paused_for, run
from tests.factories import know_devices, make_request, statuses
from tests.scripted import blocked, say

pytestmark = pytest.mark.django_db

WINDOW = 600.0


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
