"""Live pages over a real server, a real Redis and real sockets."""

import gc
import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import uvicorn
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from actions import on_commit
from actions.action_requests import recording
from actions.on_commit import CHANGES
from actions.roles import Role
from dashboard.asgi import application
from dashboard.live import hub
from dashboard.standalone.redis_server import own_redis
from dashboard.views import streams
from tests.factories import actor_for, know_devices, make_person, make_request

pytestmark = pytest.mark.django_db(transaction=True)


class RealRedis:
    """A Redis server of this test that can be stopped and restarted."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self._running = ExitStack()

    def start(self) -> None:
        self._running.enter_context(own_redis(self.socket))

    def stop(self) -> None:
        self._running.close()

    def listeners(self) -> int:
        """Number of connections subscribed to the changes."""
        client = redis.Redis(unix_socket_path=str(self.socket))
        found: Any = client.pubsub_numsub(CHANGES)
        client.close()
        return int(found[0][1])


@pytest.fixture
def real_redis(
    action_request: Any, other: Any, settings: Any, monkeypatch: Any
) -> Iterator[RealRedis]:
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        found = RealRedis(Path(folder))
        settings.REDIS_URL = f"unix://{found.socket}"
        # As in a new process; the requests were made while there was no Redis.
        on_commit._redis.cache_clear()
        monkeypatch.setattr(on_commit, "_redis_state", on_commit._RedisState())
        found.start()
        yield found
        found.stop()
        on_commit._redis.cache_clear()


@contextmanager
def running_server() -> Iterator[int]:
    """Run the console under uvicorn in a thread of this process; yield its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            application, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_until(lambda: server.started)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def port() -> Iterator[int]:
    with running_server() as found:
        yield found


@pytest.fixture
def cookie() -> str:
    client = Client()
    client.force_login(make_person("vera", Role.VIEWER))
    return f"session={client.cookies['session'].value}"


@pytest.fixture
def action_request(db: None) -> Any:
    know_devices("kiosk")
    return make_request(actor_for(make_person("oscar", Role.OPERATOR)), "kiosk")


@pytest.fixture
def other(action_request: Any) -> Any:
    return make_request(actor_for(make_person("otto", Role.OPERATOR)), "kiosk")


class Stream:
    """The stream of one open page."""

    def __init__(self, port: int, action_request: Any, cookie: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        headers = {"Cookie": cookie} if cookie else {}
        self.connection.request("GET", f"/requests/{action_request.uuid}/stream/", headers=headers)
        self.answer = self.connection.getresponse()

    def event(self) -> bytes:
        """Read the next event; b"" at the end of the stream."""
        lines = []
        while (line := self.answer.readline()) not in {b"\n", b""}:
            lines.append(line)
        return b"".join(lines)

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@pytest.fixture
def stream(port: int, action_request: Any, cookie: str) -> Iterator[Any]:
    """Yield a function that opens a stream as a signed-in user; all are closed at the end."""
    opened: list[Stream] = []

    def open_stream() -> Stream:
        opened.append(Stream(port, action_request, cookie))
        return opened[-1]

    yield open_stream
    for each in opened:
        each.close()


def change(action_request: Any) -> int:
    """Bump the version of the request, as every outcome does."""
    with transaction.atomic():
        recording.bump_version([action_request.pk])
    action_request.refresh_from_db()
    return int(action_request.version)


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "The condition was not met in time."
        time.sleep(0.02)


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
    assert b'data: <div class="stack" id="progress"' in first

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
    real_redis, stream, action_request
):
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
