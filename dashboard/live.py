"""Live pages: one stream for each open page, one subscription and one rendering for all.

A change of a request comes over Redis as a hint. The hub of this process renders its fragment
once and gives the same bytes to every open page of it. Pages poll when there is no stream.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from uuid import UUID

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actions.action_requests import selectors as action_requests
from actions.on_commit import CHANGES
from dashboard.views.action_requests import progress_of

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two renderings of the same request: at most two changes a second are shown."""

COMMENT_EVERY = 15.0
"""Seconds after which a silent stream says that it is alive."""

LIFE = 300.0
"""Seconds after which a stream ends; the browser connects again and its rights are checked."""


CONNECT = 3.0
"""Seconds that a page waits for the subscription before it is told to poll."""


class Hub:
    """The open streams of this process, by the request that they show.

    There is one subscription for all. It stays once it is there, also when no page is open: to
    end it with the last page would race with the next one. When it breaks, all streams end, so
    that no page believes itself live; each connects again and is sent the whole state.
    """

    def __init__(self) -> None:
        self.pages: dict[UUID, set[asyncio.Queue[bytes]]] = defaultdict(set)
        self.dirty: set[UUID] = set()
        self.shown_at: dict[UUID, float] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.subscribed: asyncio.Future[bool] | None = None

    async def listens(self) -> bool:
        """Whether changes are heard, once that is known; starts to listen if nobody does."""
        if self.subscribed is None:
            self.subscribed = asyncio.get_running_loop().create_future()
            self._start(self._listen(self.subscribed))
        try:
            async with asyncio.timeout(CONNECT):
                return await asyncio.shield(self.subscribed)
        except TimeoutError:
            return False

    def join(self, token: UUID) -> asyncio.Queue[bytes]:
        """Open a queue that receives each new rendering; the latest one wins."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self.pages[token].add(queue)
        return queue

    def leave(self, token: UUID, queue: "asyncio.Queue[bytes]") -> None:
        """Close the queue."""
        self.pages[token].discard(queue)
        if not self.pages[token]:
            del self.pages[token]
            self.shown_at.pop(token, None)

    async def _listen(self, subscribed: "asyncio.Future[bool]") -> None:
        # Without a retry of its own: what is said while it is away would be missed unnoticed.
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0))
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(CHANGES)
                async for message in pubsub.listen():
                    if message["type"] == "subscribe" and not subscribed.done():
                        subscribed.set_result(True)
                    elif message["type"] == "message":
                        self._note(message["data"])
        except (RedisError, OSError) as error:
            log.warning("Open pages fall back to polling: %s", type(error).__name__)
        finally:
            # First of all, so that whoever comes now starts anew.
            self.subscribed = None
            if not subscribed.done():
                subscribed.set_result(False)
            self._end_all()
            await client.aclose()

    def _note(self, data: bytes) -> None:
        topic = str(json.loads(data).get("topic", ""))
        if not topic.startswith("request:"):
            return
        token = UUID(topic.removeprefix("request:"))
        if token in self.pages and token not in self.dirty:
            self.dirty.add(token)
            self._start(self._show(token))

    async def _show(self, token: UUID) -> None:
        """Render once and give the same bytes to all; changes that come together are one."""
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(PAUSE / 10, self.shown_at.get(token, 0.0) + PAUSE - now()))
        self.dirty.discard(token)
        if token not in self.pages:
            return
        self.shown_at[token] = now()
        try:
            event = await _render(token)
        except DatabaseError:
            log.exception("A change of request %s could not be shown: its pages poll.", token)
            event = b""
        for queue in list(self.pages.get(token, ())):
            offer(queue, event)

    def _end_all(self) -> None:
        for queues in self.pages.values():
            for queue in queues:
                offer(queue, b"")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # The loop itself would not keep a task from being thrown away.
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def offer(queue: "asyncio.Queue[bytes]", event: bytes) -> None:
    """Put the event in place of an older one that was not taken yet."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)


def render_event(token: UUID) -> bytes:
    """The live part of a request as a server-sent event; its id is the request's version."""
    action_request = action_requests.find(token)
    if action_request is None:
        return b""
    html = render_to_string("action_requests/_progress.html", progress_of(action_request))
    lines = [f"id: {action_request.version}", "event: progress"]
    lines += [f"data: {line}" for line in html.splitlines() if line.strip()]
    return ("\n".join(lines) + "\n\n").encode()


def _render_and_close(token: UUID) -> bytes:
    try:
        return render_event(token)
    finally:
        close_old_connections()


_render = sync_to_async(_render_and_close, thread_sensitive=False)
_close_own_connection = sync_to_async(close_old_connections)

HUB = Hub()


@require_GET
async def action_request_stream(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Stream the live part of one request; 501 where the server cannot stream (WSGI)."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse("Streams need the ASGI server.", status=501)
    if not await _render(token):
        return HttpResponse("There is no such request.", status=404)
    if not await HUB.listens():
        return HttpResponse("No live changes now: poll.", status=503)
    response = StreamingHttpResponse(_events(token), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(token: UUID) -> AsyncIterator[bytes]:
    # The sign-in check left a connection to the database open, which nothing here needs again:
    # without this each open page would hold one until it ends.
    await _close_own_connection()
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE
    queue = HUB.join(token)
    try:
        # What changed between drawing the page and joining is shown at once.
        yield await _render(token)
        while loop.time() < end and (event := await _next(queue)):
            yield event
    finally:
        HUB.leave(token, queue)


async def _next(queue: "asyncio.Queue[bytes]") -> bytes:
    """The next rendering, or a comment after a time of silence; nothing means the end."""
    try:
        async with asyncio.timeout(COMMENT_EVERY):
            return await queue.get()
    except TimeoutError:
        return b": still here\n\n"
