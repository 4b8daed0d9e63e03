"""How large a request may be, and how long its body may take."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from django.conf import settings
from django.urls import Resolver404, resolve

from dashboard.server.refusals import Message, Receive, Refused, Scope

MAX_HEAD = 16 * 1024
"""Bytes of the request line and all headers. h11 has the same limit for a head in several parts."""

SMALL = 64 * 1024
"""Bytes of a body, unless its page is in LARGE."""

LARGE = {
    "upload_list": 32 * 1024 * 1024,
    "choose_devices": 8 * 1024 * 1024,
    "compose": 8 * 1024 * 1024,
}
"""Bytes of a body by the name of its page: an uploaded list, and one field for each device."""

MAX_HELD = 256 * 1024 * 1024
"""Bytes of all bodies that one process has at the same time, without the first SMALL of each."""

MAX_HELD_BY_ADDRESS = MAX_HELD // 4
"""The share of one address in MAX_HELD, so that it cannot take what others need."""

ESCAPE_COST = 200
"""Bytes of memory in which Python decodes one "%" of a form, however short the form is."""

MAX_COST = 64 * 1024 * 1024
"""Bytes that one body may count. 100,000 ticked devices have as many escaped commas."""

LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read and dropped."""


def check_head(scope: Scope) -> None:
    """Raise Refused for a head that is too long, or that states the end of its body twice."""
    headers = scope["headers"]
    parts = [scope.get("raw_path") or b"", scope.get("query_string") or b""]
    length = sum(map(len, parts)) + sum(len(name) + len(value) + 4 for name, value in headers)
    if length > MAX_HEAD:
        text = "The address or the cookies are too long. Use fewer filters, or delete the cookies."
        raise Refused(431, text)
    names = {name for name, _ in headers}
    if b"transfer-encoding" in names and b"content-length" in names:
        # Two servers may disagree about where this request ends (request smuggling).
        raise Refused(400, "The request has both Content-Length and Transfer-Encoding.")


class Body:
    """The body of one request; nothing of it is buffered here."""

    held = 0
    """Bytes that count towards MAX_HELD."""

    held_by: Counter[str] = Counter()
    """The same by the address of the client."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.address = ""
        self._receive = receive
        self.when_complete: Callable[[], Coroutine[None, None, None]] | None = None
        self._next: asyncio.Task[Message] | None = None
        self._limit = _limit_of(scope["path"].removeprefix(scope.get("root_path", "")))
        self._stated = _stated_length(scope)
        self._is_form = _is_form(scope)
        self._arrived = self._cost = 0
        self._end = asyncio.get_running_loop().time() + settings.WEB_BODY_SECONDS
        self.is_complete = False

    async def receive(self) -> Message:
        """Receive the next part; raise Refused as soon as the body breaks a limit.

        A length that the client states is checked before the first part, another one by counting.
        The last part is held back until `when_complete` returns.
        """
        if self.is_complete:
            return await (self._next or self._receive())
        self._check(self._stated or 0)
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            text = "The request did not arrive in time. Check your connection and send it again."
            raise Refused(408, text) from None
        if message["type"] == "http.request":
            self._check(self._arrived + len(message.get("body", b"")))
            self._count(message.get("body", b""))
            if not message.get("more_body", False):
                self.is_complete = True
                return await self._hold_back(message)
        return message

    async def _hold_back(self, message: Message) -> Message:
        """Return the last part after `when_complete`, or what tells that the client has gone."""
        if self.when_complete is None:
            return message
        # Nothing but the disconnection can follow the last part.
        self._next = asyncio.create_task(_coroutine(self._receive()))
        work = asyncio.create_task(self.when_complete())
        try:
            await asyncio.wait({self._next, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return await self._next
            await work
        finally:
            work.cancel()
        return message

    async def drop_rest(self) -> None:
        """Read what is left for at most LINGER_SECONDS, and drop it.

        Closing the connection at once would reset it, and the client would lose the answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.is_complete and self._stated != 0:
                    self.is_complete = not (await self._receive()).get("more_body", False)

    def release(self) -> None:
        """Stop counting the bytes of this body: the request has ended."""
        if self._next:
            self._next.cancel()
        Body.held -= self._cost
        Body.held_by -= Counter({self.address: self._cost})

    def _check(self, size: int) -> None:
        if size > self._limit:
            text = f"The request is larger than {self._limit // 1024:,} KB, the limit of this page."
            raise Refused(413, text)

    def _count(self, part: bytes) -> None:
        """Count the bytes beyond SMALL that Django keeps, and those that decoding a form needs."""
        before = max(0, self._arrived - SMALL)
        self._arrived += len(part)
        cost = max(0, self._arrived - SMALL) - before
        if not cost:
            return
        if self._is_form:
            cost += ESCAPE_COST * part.count(b"%")
        self._cost += cost
        Body.held += cost
        Body.held_by[self.address] += cost
        if self._cost > MAX_COST:
            raise Refused(413, "The form has too many values. Send fewer at once.")
        if Body.held > MAX_HELD or Body.held_by[self.address] > MAX_HELD_BY_ADDRESS:
            text = "Too many files are being uploaded. Wait a minute, then send yours again."
            raise Refused(503, text)


def _limit_of(path: str) -> int:
    try:
        return LARGE.get(resolve(path).url_name or "", SMALL)
    except Resolver404:
        return SMALL


def _stated_length(scope: Scope) -> int | None:
    """Return the length of the body that the client states; None where it states none."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    text = headers.get(b"content-length", b"0")
    return int(text[:20]) if text.isdigit() else None


def _is_form(scope: Scope) -> bool:
    """Return whether Django decodes the whole body at once; it reads a multipart form piecewise."""
    kind: bytes = dict(scope["headers"]).get(b"content-type", b"")
    return kind.strip().lower().startswith(b"application/x-www-form-urlencoded")


async def _coroutine(work: Awaitable[Message]) -> Message:
    return await work
