"""Limit how many requests Django handles at once, and share its places fairly.

Each request in Django has a thread and a database connection of its own. A request that finds no
free place waits. A place goes to the address with the fewest running requests, then to the session
with the fewest, then to the oldest request.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import parse_cookie

from dashboard.addresses import client_address
from dashboard.server.refusals import Scope, too_busy


class Visit:
    """One request on its way through the gate; `client` is its address and its session."""

    def __init__(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        peer = str((scope.get("client") or ("",))[0])
        self.address = client_address(peer, headers.get(b"x-forwarded-for", b"").decode("latin1"))
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin1"))
        self.client = (self.address, cookies.get(settings.SESSION_COOKIE_NAME, ""))
        self.admitted = asyncio.get_running_loop().create_future()
        self.is_open = self.runs = False


class Gate:
    """The places of one process.

    A client has at most half of the places, and a quarter of the requests that may be open.
    """

    def __init__(self, places: int, max_waiting: int) -> None:
        self.places, self.share = places, max(1, places // 2)
        self.max_waiting, self.max_open = max_waiting, max(1, max_waiting // 4)
        self.taken = 0
        self.waiting: list[Visit] = []
        self.running: Counter[str | tuple[str, str]] = Counter()
        self.open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def visit(self, scope: Scope) -> Iterator[Visit]:
        """Let a request into Django and, at its end, out again."""
        visit = Visit(scope)
        try:
            yield visit
        finally:
            self.give_back(visit)
            if visit.is_open:
                self.open -= Counter([visit.client])

    async def enter(self, visit: Visit) -> None:
        """Wait for a place.

        Raises Refused after WEB_WAIT_SECONDS, and at once where too many wait or are the client's.
        A request counts once its body is complete: before, its connection can be cut.
        """
        if len(self.waiting) >= self.max_waiting or self.open[visit.client] >= self.max_open:
            raise too_busy()
        self.open[visit.client] += 1
        visit.is_open = True
        self.waiting.append(visit)
        self._admit()
        try:
            async with asyncio.timeout(settings.WEB_WAIT_SECONDS):
                await visit.admitted
        except TimeoutError:
            raise too_busy() from None

    def give_back(self, visit: Visit) -> None:
        """Give the place back; what follows needs no thread and no database connection."""
        if visit.runs:
            visit.runs = False
            self.taken -= 1
            self.running -= Counter([visit.address, visit.client])
            self._admit()
        elif visit in self.waiting:
            self.waiting.remove(visit)

    def _admit(self) -> None:
        while self.taken < self.places:
            able = [each for each in self.waiting if self.running[each.client] < self.share]
            if not able:
                return
            # min() returns the first of equals, and the list is in order of arrival.
            visit = min(able, key=lambda v: (self.running[v.address], self.running[v.client]))
            self.waiting.remove(visit)
            self.taken += 1
            self.running.update([visit.address, visit.client])
            visit.runs = True
            if not visit.admitted.done():
                visit.admitted.set_result(None)
