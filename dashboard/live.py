"""Live pages: one stream for each open page, one subscription and one rendering for all.

A change of a request comes over Redis as a hint. The hub of this process renders its fragment
once and gives the same bytes to every open page of it. Pages poll when there is no stream.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from uuid import UUID

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from actions.notify import CHANGES
from actions.selectors import action_requests
from dashboard.views.action_requests import progress_of

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two renderings of the same request: at most two changes a second are shown."""

COMMENT_EVERY = 15.0
"""Seconds after which a silent stream says that it is alive."""

LIFE = 300.0
"""Seconds after which a stream ends; the browser connects again and its rights are checked."""


class Hub:
    """The open streams of this process, by the request that they show."""

    def __init__(self) -> None:
        self.pages: dict[UUID, set[asyncio.Queue[bytes]]] = defaultdict(set)
        self.dirty: set[UUID] = set()
        self.shown_at: dict[UUID, float] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.listener: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    async def join(self, token: UUID) -> asyncio.Queue[bytes]:
        """Open a queue that receives each new rendering; the latest one wins."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self.pages[token].add(queue)
        if self.listener is None or self.listener.done():
            self.connected.clear()
            self.listener = asyncio.create_task(self._listen())
        return queue

    def leave(self, token: UUID, queue: "asyncio.Queue[bytes]") -> None:
        """Close the queue; without any page the hub stops listening."""
        self.pages[token].discard(queue)
        if not self.pages[token]:
            del self.pages[token]
            self.shown_at.pop(token, None)
        if not self.pages and self.listener:
            self.listener.cancel()

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(CHANGES)
                self.connected.set()
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        self._note(message["data"])
        except (RedisError, OSError) as error:
            log.warning("Open pages fall back to polling: %s", type(error).__name__)
            for queues in self.pages.values():
                for queue in queues:
                    offer(queue, b"")
        finally:
            await client.aclose()

    def _note(self, data: bytes) -> None:
        topic = str(json.loads(data).get("topic", ""))
        if not topic.startswith("request:"):
            return
        token = UUID(topic.removeprefix("request:"))
        if token in self.pages and token not in self.dirty:
            self.dirty.add(token)
            task = asyncio.create_task(self._show(token))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _show(self, token: UUID) -> None:
        """Render once and give the same bytes to all; changes that come together are one."""
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(PAUSE / 10, self.shown_at.get(token, 0.0) + PAUSE - now()))
        self.dirty.discard(token)
        self.shown_at[token] = now()
        event = await _render(token)
        for queue in list(self.pages.get(token, ())):
            offer(queue, event)


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

HUB = Hub()


async def action_request_stream(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Stream the live part of one request; 501 where the server cannot stream (WSGI)."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse("Streams need the ASGI server.", status=501)
    if not await _render(token):
        return HttpResponse("There is no such request.", status=404)
    queue = await HUB.join(token)
    try:
        async with asyncio.timeout(3):
            await HUB.connected.wait()
    except TimeoutError:
        HUB.leave(token, queue)
        return HttpResponse("No live changes now: poll.", status=503)
    response = StreamingHttpResponse(_events(token, queue), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(token: UUID, queue: "asyncio.Queue[bytes]") -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE
    try:
        # What changed between drawing the page and joining is shown at once.
        yield await _render(token)
        while loop.time() < end:
            try:
                async with asyncio.timeout(COMMENT_EVERY):
                    event = await queue.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if not event:
                return
            yield event
    finally:
        HUB.leave(token, queue)
