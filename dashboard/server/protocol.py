"""Uvicorn's protocol of one connection, with limits for its head and for connections."""

import asyncio
from typing import Any

import h11
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard.server import seldom
from dashboard.server.bodies import MAX_HEAD
from dashboard.server.refusals import Refused, as_bytes, too_busy

STALL_SECONDS = 60.0
STALL_BYTES = 8 * 1024
"""How much a client has to take in that time of an answer that waits for it."""


FREE_CHUNKS = 1000
BYTES_PER_CHUNK = 1024
"""A body in chunks may have FREE_CHUNKS, and one more for each BYTES_PER_CHUNK that it brings.

Each chunk costs the event loop the same time, however short it is.
"""


class BoundedConnection(h11.Connection):
    """Reads the requests of one connection, and refuses those that no page of ours needs.

    These are requests for something else than a path, in other versions of HTTP than 1.0 and 1.1,
    and bodies in very many small chunks.
    """

    def __init__(self, max_head: int) -> None:
        super().__init__(h11.SERVER, max_head)
        self._chunks = self._size = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event; raise RemoteProtocolError for a request that is refused."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._size = 0
            if not event.target.startswith(b"/") or event.http_version not in (b"1.0", b"1.1"):
                raise h11.RemoteProtocolError("The first line must name a path, and HTTP/1.1.")
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._size += len(event.data)
            if self._chunks > FREE_CHUNKS + self._size // BYTES_PER_CHUNK:
                raise h11.RemoteProtocolError("The body has too many small chunks.")
        return event


class BoundedProtocol(H11Protocol):
    """One connection of a client."""

    def __init__(self, max_connections: int, max_per_address: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn = BoundedConnection(MAX_HEAD)
        self.max_connections, self.max_per_address = max_connections, max_per_address
        self.waits_since = self.loop.time()
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The address of the client or of the proxy in front; empty on a Unix socket."""
        return self.client[0] if self.client else ""

    @property
    def awaits_head(self) -> bool:
        """Whether no request has arrived, or not all of its head."""
        return self.conn.their_state is h11.IDLE

    @property
    def awaits_body(self) -> bool:
        """Whether the client has to send more before Django does anything."""
        return self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.SEND_RESPONSE

    @property
    def only_waits(self) -> bool:
        """Whether nothing is done for the client yet."""
        return self.awaits_head or self.awaits_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the connection, if need be in the place of one that only waits."""
        super().connection_made(transport)
        self._start_head_timer()
        if not self._find_room():
            seldom.warn("All connections are in use: a new one was refused with 503.")
            self._refuse(too_busy())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_head_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what has arrived; a head has to be complete WEB_HEAD_SECONDS after its start."""
        if self.awaits_head and self._head_timer is None:
            self._start_head_timer()
        super().data_received(data)
        if not self.awaits_head:
            self._stop_head_timer()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, with the security headers, and close."""
        self._refuse(Refused(400, msg))

    def on_response_complete(self) -> None:
        """Wait for the next request, and for the client to take the answer."""
        self.waits_since = self.loop.time()
        self._watch_unsent()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for the client to take what was written."""
        super().pause_writing()
        self._watch_unsent()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._stop_stall_timer()
        super().resume_writing()

    def cut(self) -> None:
        """Close the connection without an answer."""
        # Its place is free now, although asyncio calls connection_lost() later.
        self.connections.discard(self)
        self.transport.abort()

    def _should_upgrade(self) -> bool:
        return False  # No page uses WebSockets, and uvicorn would log two lines for each attempt.

    def _find_room(self) -> bool:
        """Return whether this connection may stay, if need be after cutting one that only waits."""
        if len(self.connections) <= min(self.max_per_address, self.max_connections):
            return True
        everybody = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        neighbours = [each for each in everybody if each.address == self.address]
        for crowd, limit in (
            (neighbours, self.max_per_address),
            (everybody, self.max_connections),
        ):
            if len(crowd) > limit and (self.address or crowd is everybody):
                waiting = [each for each in crowd if each is not self and each.only_waits]
                if not waiting:
                    return False
                min(waiting, key=lambda each: (each.awaits_body, each.waits_since)).cut()
        return True

    def _start_head_timer(self) -> None:
        self.waits_since = self.loop.time()
        self._head_timer = self.loop.call_later(settings.WEB_HEAD_SECONDS, self._on_slow_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_slow_head(self) -> None:
        text = "The request did not arrive in time. Check your connection and send it again."
        self._refuse(Refused(408, text))

    def _refuse(self, refused: Refused) -> None:
        self.transport.write(as_bytes(refused))
        self.transport.close()
        self._watch_unsent()

    def _watch_unsent(self, before: int | None = None) -> None:
        """Cut the client off if it takes too little of what is unsent."""
        self._stop_stall_timer()
        unsent = self.transport.get_write_buffer_size()
        if before is not None and unsent > before - STALL_BYTES:
            self.cut()
        elif unsent:
            self._stall_timer = self.loop.call_later(STALL_SECONDS, self._watch_unsent, unsent)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer:
            self._stall_timer.cancel()
            self._stall_timer = None
