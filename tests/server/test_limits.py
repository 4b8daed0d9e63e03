"""Which requests are refused before Django, and that every address has its limit."""

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.server import bodies, start
from dashboard.server.application import Bounded
from dashboard.server.refusals import Message
from dashboard.urls import urlpatterns
from tests.server.loops import in_a_loop

SAMPLES = {
    "token": "00000000-0000-4000-8000-000000000000",
    "key": "1",
    "number": "1",
    "bucket": "found",
}
HOST = (b"host", b"localhost")


class Django:
    """Takes the place of Django's application: it counts what it was given, and answers 200."""

    def __init__(self) -> None:
        self.arrived = -1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.arrived = 0
        more = True
        while more:
            message = await receive()
            self.arrived += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def serve(path: str, parts: list[bytes], *headers: tuple[bytes, bytes]) -> tuple[int, int]:
    """Send a POST; return the status, and how many bytes reached Django (-1: not called)."""
    waiting = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]
    answers: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers) if (b"host" in dict(headers)) else [HOST, *headers],
        "client": ("10.0.0.1", 1),
        "state": {start.BOUND: True},
    }
    django = Django()
    in_a_loop(Bounded(django)(scope, receive, send))
    return answers[0]["status"], django.arrived


ADDRESSES = [
    "/" + re.sub(r"<\w+:(\w+)>", lambda found: SAMPLES[found[1]], str(each.pattern))
    for each in urlpatterns
]


@pytest.mark.parametrize("path", [*ADDRESSES, "/nowhere", "/static/js/page.js"])
def test_h4_every_address_has_a_limit_stated_or_counted(path: str) -> None:
    limit = bodies._limit_of(path)
    parts = [b"x" * 2**20] * (limit // 2**20) + [b"x" * (limit % 2**20)]
    stated = (b"content-length", str(limit).encode())

    assert serve(path, parts, stated) == (200, limit)
    assert serve(path, parts, (b"content-length", str(limit + 1).encode()))[0] == 413
    status, arrived = serve(path, [*parts, b"x"], (b"transfer-encoding", b"chunked"))
    assert status == 413
    assert arrived <= limit
    assert serve(path, [*parts, b"x"], stated)[0] == 413
    assert bodies.Body.held == 0


def test_h4_all_large_bodies_together_are_bounded_and_small_ones_go_on(monkeypatch: Any) -> None:
    monkeypatch.setattr(bodies.Body, "held", bodies.MAX_HELD - 10)
    large = [b"x" * bodies.SMALL, b"x" * 11]
    assert serve("/devices/lists/", large)[0] == 503
    assert bodies.Body.held == bodies.MAX_HELD - 10
    assert serve("/devices/lists/", [b"x" * bodies.SMALL])[0] == 200


def test_h4_one_address_has_a_share_of_all_large_bodies(monkeypatch: Any) -> None:
    large = [b"x" * bodies.SMALL, b"x" * 11]
    for address, status in (("10.0.0.1", 503), ("10.0.0.2", 200)):
        held = Counter({address: bodies.MAX_HELD_BY_ADDRESS - 10})
        monkeypatch.setattr(bodies.Body, "held_by", held)
        assert serve("/devices/lists/", large)[0] == status
        assert bodies.Body.held_by[address] == bodies.MAX_HELD_BY_ADDRESS - 10
    assert bodies.Body.held == 0


FORM = (b"content-type", b"Application/X-WWW-Form-Urlencoded; charset=utf-8")


def test_h5_a_form_of_escapes_is_refused_before_they_are_decoded() -> None:
    # Python needs about 200 bytes to decode one of them: 8 MB of them took 1.5 GB.
    escapes = [b"a=" + b"%" * (2**20 - 2), *[b"%" * 2**20] * 7]
    status, arrived = serve("/selections/", escapes, FORM)
    assert (status, arrived <= 2**20) == (413, True)
    assert bodies.Body.held == 0
    # As many devices as one form may name, and a file, in which "%" is a character like others.
    assert serve("/selections/", [b"device=" + b"1234567%2C" * 100_000], FORM)[0] == 200
    assert serve("/devices/lists/", escapes)[0] == 200


@given(st.integers(0, 2**21), st.integers(1, 100), st.integers(1, 2**20))
def test_h5_the_memory_of_a_form_is_bounded_whatever_its_escapes(
    length: int, every: int, piece: int
) -> None:
    data = (b"%" + b"a" * (every - 1)) * (length // every)
    parts = [data[at : at + piece] for at in range(0, len(data), piece)] or [b""]
    if len(parts) > 100:
        return
    status, _ = serve("/selections/", parts, FORM)
    cost = bodies.ESCAPE_COST * data.count(b"%")
    slack = bodies.ESCAPE_COST * (bodies.SMALL + piece) + len(data)
    assert status == 413 or cost <= bodies.MAX_COST + slack
    assert status == 200 or cost + len(data) > bodies.MAX_COST
    assert bodies.Body.held == 0


def test_h4_only_pages_that_take_lists_have_a_large_limit() -> None:
    names = {each.name for each in urlpatterns}
    assert set(bodies.LARGE) <= names
    large = {path for path in ADDRESSES if bodies._limit_of(path) > bodies.SMALL}
    assert large == {"/devices/lists/", "/selections/", "/requests/new/"}


@pytest.mark.parametrize("length", [b"0", b"1", b"999999999999"])
def test_low_transfer_encoding_with_content_length_never_reaches_django(length: bytes) -> None:
    both = ((b"transfer-encoding", b"chunked"), (b"content-length", length))
    assert serve("/", [b""], *both) == (400, -1)
    assert serve("/", [b""], *both[::-1]) == (400, -1)


@given(st.lists(st.tuples(st.binary(max_size=9000), st.binary(max_size=9000)), max_size=4))
def test_h4_a_head_longer_than_the_limit_never_reaches_django(
    headers: list[tuple[bytes, bytes]],
) -> None:
    odd = {b"host", b"transfer-encoding", b"content-length", b"cookie"}
    given_headers = [(name, value) for name, value in headers if name.lower() not in odd]
    length = sum(len(name) + len(value) + 4 for name, value in [HOST, *given_headers]) + 1
    status, arrived = serve("/", [b""], *given_headers)
    assert (status, arrived) == ((431, -1) if length > bodies.MAX_HEAD else (200, 0))


@given(st.text(max_size=40))
def test_only_allowed_hosts_reach_django(host: str) -> None:
    status, arrived = serve("/", [b""], (b"host", host.encode("utf-8", "replace")))
    allowed = host.partition(":")[0].lower().rstrip(".") in {"localhost", "127.0.0.1", "testserver"}
    assert (status, arrived) == ((200, 0) if allowed else (400, -1))
    assert serve("/", [b""], HOST, (b"host", host.encode("utf-8", "replace"))) == (400, -1)


@given(st.integers(8, 2**21))
def test_h4_connections_never_take_the_files_that_the_rest_needs(files: int) -> None:
    backlog, connections = start.capacity(files)
    assert backlog >= 1
    assert connections >= 1
    # asyncio accepts up to `backlog` connections four times before the first of them is refused.
    assert connections + 4 * backlog < files
    assert connections <= 1000
