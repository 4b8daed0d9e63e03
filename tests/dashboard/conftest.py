"""Test clients signed in with each role, devices, and a running server for live streams."""

import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import uvicorn
from django.conf import settings
from django.test import Client

from actions import on_commit
from actions.inventory.store import store_records
from actions.on_commit import CHANGES
from actions.roles import Role
from dashboard.asgi import application
from dashboard.form_tokens import FormTokens
from dashboard.models import User
from dashboard.standalone.redis_server import own_redis
from tests.factories import actor_for, know_devices, make_person, make_record, make_request

# WhiteNoise warns of a missing folder for each client; `up` fills it.
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)

Visitor = Callable[..., Client]


@pytest.fixture
def visit(db: None) -> Visitor:
    """Return a function that makes a client signed in with a role; "" is signed out."""

    def signed_in_as(role: str, **options: Any) -> Client:
        client = Client(**options)
        if role:
            person = User.objects.filter(username=role).first() or make_person(role, Role(role))
            client.force_login(person)
        return client

    return signed_in_as


@pytest.fixture
def page(visit: Visitor) -> Client:
    """A client signed in as operator."""
    return visit("operator")


def form_token(client: Client) -> str:
    """Return a token as the form of this client's session has it."""
    person = User.objects.get(pk=client.session["_auth_user_id"])
    return FormTokens(actor_for(person), client.session.session_key or "").issue()


@pytest.fixture
def devices(db):
    return know_devices("kiosk", "laptop", "tablet")


MAC = "00:1B:21:CD:AB:44"


@pytest.fixture
def fleet(db):
    store_records(
        [
            make_record(
                "f00d",
                name="KIOSK-7",
                host_name="kiosk-7.shop.example",
                ip="10.1.2.3",
                user_name="maria.costa",
                group_name="Shop floor",
                macs=(MAC,),
            ),
            make_record("beef", name="LAPTOP-9", status="non_compliant", ip="10.9.9.9"),
            make_record("cafe", name="LAPTOP-10", status="exempted"),
        ]
    )


@pytest.fixture
def mixed(db):
    """Devices with equal values, missing values, and versions."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    store_records(
        [
            make_record(
                f"d{number}",
                name=f"device {number:02}",
                host_name="" if number % 3 else f"host:{number % 5}",
                status=("compliant", "exempted")[number % 2],
                agent_version=f"7.{number % 13}.1",
                last_seen=None if number % 4 == 0 else start + timedelta(hours=number % 7),
                enrolled_at=None if number < 31 else start,
            )
            for number in range(60)
        ]
    )


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
            application,
            log_level="warning",
            lifespan="on",
            timeout_graceful_shutdown=1,
            proxy_headers=False,
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


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "The condition was not met in time."
        time.sleep(0.02)
