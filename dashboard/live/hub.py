"""Live pages: one stream for each open page, one subscription and one rendering for all.

A change of a request comes over Redis as a hint. The hub of this process renders its fragment
once and gives the same bytes to every open page of it. Pages poll when there is no stream.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

import redis.asyncio
from django.conf import settings
from django.db import DatabaseError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actions.on_commit import CHANGES

Renderer = Callable[[UUID], Awaitable[bytes]]
"""Renders the event of one request; no bytes mean that there is none."""

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two renderings of the same request: at most two changes a second are shown."""


CONNECT = 3.0
"""Seconds that a page waits for the subscription before it is told to poll."""


class Hub:
    """The open streams of this process, by the request that they show.

    There is one subscription for all. It stays once it is there, also when no page is open: to
    end it with the last page would race with the next one. When it breaks, all streams end, so
    that no page believes itself live; each connects again and is sent the whole state.
    """

    def __init__(self, render: Renderer) -> None:
        self.render = render
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
            event = await self.render(token)
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
