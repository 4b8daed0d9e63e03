"""Long answers are not cut, unless their client takes nothing of them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn

from dashboard.server import protocol
from dashboard.server.protocol import BoundedProtocol
from tests.dashboard.conftest import wait_until

SIZE = 64 * 2**20
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def send_much(scope: Any, receive: Any, send: Any) -> None:
    length = [(b"content-length", str(SIZE).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    for _ in range(SIZE // 2**16):
        await send({"type": "http.response.body", "body": b"x" * 2**16, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_less(scope: Any, receive: Any, send: Any) -> None:
    """Send little more than the kernel takes: no part of it has to wait for the client."""
    length = [(b"content-length", str(2**23).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"x" * 2**23})


@contextmanager
def serving(app: Any) -> Iterator[tuple[uvicorn.Server, int]]:
    bounded: Any = partial(BoundedProtocol, max_connections=50, max_per_address=50)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=bounded, lifespan="off", log_level="warning")
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_until(lambda: server.started)
        yield server, listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("app", [send_much, send_less])
def test_h4_a_client_that_takes_nothing_of_its_answer_is_cut_off(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.2)
    with serving(app) as (server, port), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(GET)
        assert client.recv(1)
        wait_until(lambda: not server.server_state.connections)
        wait_until(lambda: not server.server_state.tasks)


def test_a_client_that_goes_on_reading_gets_the_whole_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "STALL_SECONDS", 1.0)
    monkeypatch.setattr("django.conf.settings.WEB_HEAD_SECONDS", 0.05)
    monkeypatch.setattr("django.conf.settings.WEB_BODY_SECONDS", 0.05)
    with serving(send_much) as (_, port), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(GET)
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(1)
        left = SIZE
        while left:
            part = client.recv(min(left, 2**16))
            assert part, f"{left} bytes are missing."
            left -= len(part)
