"""How live streams end, and what they hold."""

import gc
import random
import time

import pytest
import redis
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from actions.on_commit import CHANGES
from dashboard.asgi import application
from dashboard.live import hub
from dashboard.views import streams
from tests.dashboard.conftest import Stream, running_server, wait_until
from tests.dashboard.test_live import change, version_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_redis_a_stream_answers_503_at_once(real_redis, stream):
    real_redis.stop()
    began = time.monotonic()
    assert stream().answer.status == 503
    assert time.monotonic() - began < 2.0


def test_streams_end_when_redis_stops_and_work_after_its_restart(
    real_redis, stream, action_request
):
    before = stream()
    before.event()
    real_redis.stop()
    assert before.event() == b""  # The end, so that the page does not show itself as live.
    assert stream().answer.status == 503

    real_redis.start()

    after = stream()
    assert after.answer.status == 200
    after.event()
    version = change(action_request)
    assert version_of(after.event()) == version


MALFORMED = [
    b"",
    b"no json",
    b"\xff\xfe",
    b"[]",
    b"7",
    b"null",
    b'"request:"',
    b"{}",
    b'{"topic": null}',
    b'{"topic": {"a": [1]}}',
    b'{"topic": "request:no-uuid"}',
    b"[" * 100_000,
    b"1" * 100_000,
    b"\0" * 1000,
]


def test_low_malformed_messages_on_the_channel_end_no_stream(real_redis, stream, action_request):
    opened = stream()
    opened.event()
    rng = random.Random(12)
    client = redis.Redis(unix_socket_path=str(real_redis.socket))
    for message in [*MALFORMED, *(rng.randbytes(rng.randrange(50)) for _ in range(200))]:
        client.publish(CHANGES, message)
    client.close()

    version = change(action_request)

    assert version_of(opened.event()) == version


def test_open_streams_take_no_place_of_other_requests(real_redis, stream, action_request):
    pages = [stream() for _ in range(settings.WEB_REQUESTS + 5)]
    for page in pages:
        page.event()
    assert application.gate.taken == 0
    version = change(action_request)
    assert {version_of(page.event()) for page in pages} == {version}


def test_a_page_that_is_reopened_many_times_stays_live(real_redis, stream, action_request):
    for _ in range(15):
        opened = stream()
        opened.event()
        opened.close()
        following = stream()
        following.event()
        version = change(action_request)
        assert version_of(following.event()) == version
        following.close()


def test_a_stream_ends_after_its_maximum_time(real_redis, stream, monkeypatch):
    monkeypatch.setattr(streams, "MAX_STREAM_SECONDS", 0.2)
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.1)
    opened = stream()
    assert opened.event().startswith(b"id: ")
    assert opened.event().startswith(b": still here")
    rest = [opened.event() for _ in range(3)]
    assert rest[-1] == b""


def test_fifty_pages_share_one_subscription_and_hold_no_database_connection(
    real_redis, stream, action_request, settings
):
    settings.WEB_STREAMS_PER_PERSON = 50
    before = open_connections()
    pages = [stream() for _ in range(50)]
    for page in pages:
        page.event()
    assert real_redis.listeners() == 1
    assert open_connections() <= before

    version = change(action_request)
    assert {version_of(page.event()) for page in pages} == {version}
    assert open_connections() <= before
    for page in pages:
        page.close()
    wait_until(lambda: not hub.HUB.pages)
    assert hub.HUB.rendered_at == {}


def test_a_stopped_server_leaves_no_subscription(real_redis, action_request, cookie):
    with running_server() as port:
        opened = Stream(port, action_request, cookie)
        opened.event()
        opened.close()
        assert real_redis.listeners() == 1
    assert real_redis.listeners() == 0
    assert hub.HUB.subscribed is None


def open_connections() -> int:
    """Number of open database connections of this process, in all threads."""
    gc.collect()
    # Not isinstance, which would evaluate lazy objects.
    found = [each for each in gc.get_objects() if issubclass(type(each), BaseDatabaseWrapper)]
    return sum(each.connection is not None for each in found)
