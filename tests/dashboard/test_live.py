"""Live pages over a real server, a real Redis and real sockets."""

import time
from typing import Any

import pytest
from django.db import transaction

from actions.action_requests import recording
from dashboard.live import hub
from tests.dashboard.conftest import Stream

pytestmark = pytest.mark.django_db(transaction=True)


def change(action_request: Any) -> int:
    """Bump the version of the request, as every outcome does."""
    with transaction.atomic():
        recording.bump_version([action_request.pk])
    action_request.refresh_from_db()
    return int(action_request.version)


def version_of(event: bytes) -> int:
    first = event.splitlines()[0]
    assert first.startswith(b"id: ")
    return int(first.removeprefix(b"id: "))


def test_the_state_is_sent_on_connect_and_a_change_within_a_second(
    real_redis, stream, action_request
):
    opened = stream()
    assert opened.answer.status == 200
    assert opened.answer.headers["Content-Type"] == "text/event-stream"
    assert opened.answer.headers["Cache-Control"] == "no-store"
    assert opened.answer.headers["X-Accel-Buffering"] == "no"
    assert opened.answer.headers["Content-Encoding"] is None
    first = opened.event()
    assert version_of(first) == action_request.version
    assert b"event: progress\n" in first
    assert b'id="progress"' in first

    taken = []
    for _ in range(3):  # The best of three, because the machine may be busy with other tests.
        version = change(action_request)
        began = time.monotonic()
        assert version_of(opened.event()) == version
        taken.append(time.monotonic() - began)
    assert min(taken) < 1.0


def test_a_change_made_before_the_subscription_is_in_the_first_event(
    real_redis, stream, action_request
):
    version = change(action_request)
    assert version_of(stream().event()) == version


def test_many_changes_are_coalesced_into_few_events_with_the_latest_state(
    real_redis, stream, action_request
):
    opened = stream()
    opened.event()
    began = time.monotonic()
    for _ in range(30):
        version = change(action_request)
    events = [opened.event()]
    while version_of(events[-1]) != version:
        events.append(opened.event())
    assert len(events) <= (time.monotonic() - began) / hub.RENDER_INTERVAL + 2


def test_all_pages_of_a_request_get_the_same_bytes(real_redis, stream, action_request):
    pages = [stream(), stream(), stream()]
    assert len({page.event() for page in pages}) == 1
    change(action_request)
    assert len({page.event() for page in pages}) == 1


def test_a_change_of_one_request_is_not_sent_to_pages_of_another(
    real_redis, stream, action_request, other
):
    opened = stream()
    opened.event()
    change(other)
    version = change(action_request)
    assert version_of(opened.event()) == version


def test_a_stream_requires_sign_in(real_redis, port, action_request):
    opened = Stream(port, action_request)
    assert opened.answer.status == 302
    assert opened.answer.headers["Location"].startswith("/accounts/login/")
    opened.close()


def test_a_request_that_does_not_exist_has_no_stream(real_redis, port, cookie, action_request):
    action_request.uuid = "00000000-0000-4000-8000-000000000000"
    opened = Stream(port, action_request, cookie)
    assert opened.answer.status == 404
    opened.close()


def test_h5_a_person_has_so_many_streams_at_most(real_redis, stream, settings):
    settings.WEB_STREAMS_PER_PERSON = 2
    opened = [stream() for _ in range(2)]
    assert all(each.event() for each in opened)
    third = stream()
    assert (third.answer.status, third.answer.headers["Retry-After"]) == (429, "60")
