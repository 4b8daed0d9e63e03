"""How quickly a request reaches the vendor, and its result an open page."""

import random
import re
import socket
import threading
import time

from django.test import Client
from django.urls import reverse

from actions.action_requests.models import ActionRequest
from actions.simulator import Simulator
from dashboard.models import User
from tests.bench import setup, vendor_log
from tests.bench.alternatives import Alternative
from tests.bench.installation import Installation, until
from tests.bench.result import Line, duration, spread

LIMIT = (1_000, 60.0)
FIRST_BYTE, ON_SCREEN = 0.25, 0.5
SEED = 6


def idle(*, quick: bool) -> list[Line]:
    """From the call of the submit service to the arrival at the vendor, on an idle system.

    In real time, with a real worker, Redis, ticker and SQLite; the limit is 1,000 calls a minute,
    so that only the latency is measured. 25 tries (8 when quick), half a second apart, each with
    other hours so that none waits to fill a call. The comparison is the same with a Celery task
    that calls at once and stores nothing: the difference is the cost of storing first.
    """
    tries = 8 if quick else 25
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(LIMIT)
        ids = setup.names("i", tries)
        setup.add_to_vendor(vendor, ids)
        installation.worker()
        installation.ticker()
        setup.warm_up(vendor)
        ours = spread([_one_request(vendor, name, place) for place, name in enumerate(ids)])
    with Installation() as installation:
        installation.redis()
        bare = _bare_task(installation, setup.names("b", tries))
    bound = f"< {duration(FIRST_BYTE)}"
    return [
        Line("this engine", str(ours), ours.median, bound, ours.median < FIRST_BYTE),
        Line("a bare Celery task", bare, None),
    ]


def _one_request(vendor: Simulator, name: str, place: int) -> float:
    time.sleep(0.5)
    seen = len(vendor.received)
    start = time.monotonic()
    setup.submit([name], "exempt", hours=str(place + 1))
    return _next_arrival(vendor, seen) - start


def _next_arrival(vendor: Simulator, seen: int) -> float:
    until(lambda: len(vendor.received) > seen, 15, pause=0.002)
    return vendor.received[seen].at


def _bare_task(installation: Installation, ids: list[str]) -> str:
    vendor = installation.vendor(LIMIT, token_counts=False)
    setup.add_to_vendor(vendor, ids)
    alternative = Alternative(installation, vendor, LIMIT, "exempt")
    alternative.worker()
    alternative.enqueue(["warm-up"])
    until(lambda: vendor_log.arrivals(vendor, "action"), 30)
    took = []
    with alternative.environment():
        from tests.bench.alternative_tasks import act

        act.delay(ids[0])  # The first call opens the connection to Redis.
        until(lambda: len(vendor_log.arrivals(vendor, "action")) > 1, 15)
        for name in ids:
            time.sleep(0.2)
            seen = len(vendor.received)
            start = time.monotonic()
            act.delay(name)
            took.append(_next_arrival(vendor, seen) - start)
    return str(spread(took))


def screen(*, quick: bool) -> list[Line]:
    """From the vendor's answer to the event on an open stream that shows it.

    In real time: a real worker, Redis and ticker, the page's stream from uvicorn, and a job of 20
    calls (10 when quick) one after the other. The vendor answers after 0.3 to 1.5 s, drawn
    beforehand (seed 6), so its answer leaves at arrival + that time. The way to the worker and
    its commit are part of the figure, and so is the pause of 0.5 s between two events of one
    page. The event that shows an answer is the first that counts its devices as settled.
    """
    calls = 10 if quick else 20
    rng = random.Random(SEED)
    pauses = [rng.uniform(0.3, 1.5) for _ in range(calls)]
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(LIMIT)
        installation.configure(ENGINE_IN_FLIGHT=1, ENGINE_VERIFY_AFTER=0)
        ids = setup.names("l", calls * 50)
        setup.add_to_vendor(vendor, ids)
        setup.operator()
        _, port = installation.web()
        installation.worker()
        installation.ticker()
        setup.warm_up(vendor)
        seen = len(vendor.received)
        for pause in pauses:
            vendor.fault("slow", seconds=pause)
        action_request = setup.submit(ids, "exempt")
        page = OpenPage(port, action_request)
        until(lambda: setup.settled(action_request), calls * 2 + 20)
        until(lambda: page.shown and page.shown[-1][1] == len(ids), 10)
        page.close()
        answered = [
            call.at + pause for call, pause in zip(vendor.received[seen:], pauses, strict=True)
        ]
    took = []
    for number, answered_at in enumerate(answered, start=1):
        shown = next(at for at, settled in page.shown if settled >= number * 50)
        if answered_at > page.opened:
            took.append(shown - answered_at)
    found = spread(took)
    bound = f"< {duration(ON_SCREEN)}"
    return [Line("this engine", str(found), found.median, bound, found.p95 < ON_SCREEN)]


class OpenPage:
    """The stream of one page; `shown` lists the time and settled count of each event."""

    def __init__(self, port: int, action_request: ActionRequest) -> None:
        self.shown: list[tuple[float, int]] = []
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        path = reverse("action_request_stream", args=[action_request.uuid])
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {session_cookie()}\r\n\r\n".encode()
        )
        self.opened = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        heading = re.compile(rb"([0-9,]+) of [0-9,]+ devices finished|>(Finished)<")
        total = re.compile(rb"([0-9,]+) devices?</span>")
        buffer = b""
        self._socket.settimeout(60)
        while data := self._receive():
            received_at = time.monotonic()
            buffer += data
            while b"\n\n" in buffer:
                event, buffer = buffer.split(b"\n\n", 1)
                found = heading.search(event)
                if found and found[2]:
                    found = total.search(event)
                if found:
                    self.shown.append((received_at, int(found[1].replace(b",", b""))))

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except OSError:  # `close` closed it.
            return b""

    def close(self) -> None:
        """End the stream."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def session_cookie() -> str:
    """Return the Cookie header of a signed-in user."""
    client = Client()
    client.force_login(User.objects.get(username="oscar"))
    return "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())
