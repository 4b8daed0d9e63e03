"""Deliver changes to the open pages of this process.

`actions.on_commit` publishes the topic of each change, such as "request:<uuid>", on a Redis
channel. The hub renders a changed topic once and sends the same bytes to every page that shows it.
Pages poll where there is no stream.
"""

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from actions.on_commit import CHANGES
from dashboard.server import seldom

Renderer = Callable[[str], bytes]
"""Renders the event of one topic, given what follows the colon; no bytes: there is no such row."""

Queue = asyncio.Queue[bytes]

log = logging.getLogger(__name__)

RENDER_INTERVAL = 0.5
"""Minimum seconds between two renderings of one topic: a page gets at most two a second."""

RENDER_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live")
"""All renderings of this process; each thread has a database connection while it renders."""

SUBSCRIBE_TIMEOUT = 3.0
"""Seconds that a page waits for the subscription before it has to poll."""


class Hub:
    """The open streams of this process, by topic.

    All streams share one Redis subscription. It stays open when the last page closes, because
    closing it would race with the next page. When the subscription breaks, every stream ends, so
    that no page shows itself as live; each page connects again and is sent the current state.
    """

    def __init__(self) -> None:
        self.renderers: dict[str, Callable[[str], Awaitable[bytes]]] = {}
        self.pages: dict[str, set[Queue]] = defaultdict(set)
        self.streams: Counter[int] = Counter()
        self.pending: set[str] = set()
        self.rendered_at: dict[str, float] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.subscribed: asyncio.Future[bool] | None = None

    def topic(self, kind: str, render: Renderer) -> None:
        """Register the renderer of the topics `kind:…`; it runs in a thread of its own."""

        def render_and_close(key: str) -> bytes:
            try:
                return render(key)
            finally:
                close_old_connections()

        self.renderers[kind] = sync_to_async(
            render_and_close, thread_sensitive=False, executor=RENDER_THREADS
        )

    async def render(self, topic: str) -> bytes:
        """Render the event of a topic now."""
        kind, _, key = topic.partition(":")
        return await self.renderers[kind](key)

    async def subscribe(self) -> bool:
        """Return whether the hub receives changes; subscribes unless it has already."""
        if self.subscribed is None:
            self.subscribed = asyncio.get_running_loop().create_future()
            self._start(self._listen(self.subscribed))
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT):
                return await asyncio.shield(self.subscribed)
        except TimeoutError:
            return False

    def join(self, topic: str) -> Queue:
        """Open a queue that receives each new rendering of the topic and keeps only the latest."""
        queue: Queue = asyncio.Queue(maxsize=1)
        self.pages[topic].add(queue)
        return queue

    @contextmanager
    def place_for(self, user_id: int) -> Iterator[None]:
        """Count an open stream of a person while the block runs."""
        self.streams[user_id] += 1
        try:
            yield
        finally:
            self.streams[user_id] -= 1
            if not self.streams[user_id]:
                del self.streams[user_id]

    def is_full(self, user_id: int) -> bool:
        """Return whether this person has as many streams open as one person may."""
        return self.streams[user_id] >= int(settings.WEB_STREAMS_PER_PERSON)

    def leave(self, topic: str, queue: Queue) -> None:
        """Close the queue."""
        self.pages[topic].discard(queue)
        if not self.pages[topic]:
            del self.pages[topic]
            self.rendered_at.pop(topic, None)

    async def _listen(self, subscribed: asyncio.Future[bool]) -> None:
        # No retry: the client would reconnect silently and miss the changes published meanwhile.
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0))
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(CHANGES)
                async for message in pubsub.listen():
                    if message["type"] == "subscribe" and not subscribed.done():
                        subscribed.set_result(True)
                    elif message["type"] == "message":
                        self._on_change(message["data"])
        except (RedisError, OSError) as error:
            log.warning("Open pages fall back to polling: %s", type(error).__name__)
        finally:
            # Before anything else, so that the next page subscribes again.
            self.subscribed = None
            if not subscribed.done():
                subscribed.set_result(False)
            self._end_all()
            await client.aclose()

    def _on_change(self, data: bytes) -> None:
        try:
            topic = str(json.loads(data).get("topic", ""))
        except (ValueError, AttributeError, RecursionError):
            # Others may write to this Redis; a message of theirs must not end the streams.
            seldom.warn("A message on the channel of changes could not be read: it is left out.")
            return
        if topic in self.pages and topic not in self.pending:
            self.pending.add(topic)
            self._start(self._broadcast(topic))

    async def _broadcast(self, topic: str) -> None:
        """Render a topic once and send the same bytes to all its pages.

        Changes that arrive while this waits for RENDER_INTERVAL are coalesced into one rendering.
        """
        now = asyncio.get_running_loop().time
        due_at = self.rendered_at.get(topic, 0.0) + RENDER_INTERVAL
        await asyncio.sleep(max(RENDER_INTERVAL / 10, due_at - now()))
        self.pending.discard(topic)
        if topic not in self.pages:
            return
        self.rendered_at[topic] = now()
        try:
            event = await self.render(topic)
        except DatabaseError:
            log.exception("A change of %s could not be rendered: its pages poll.", topic)
            event = b""
        for queue in list(self.pages.get(topic, ())):
            put_latest(queue, event)

    def _end_all(self) -> None:
        for queues in self.pages.values():
            for queue in queues:
                put_latest(queue, b"")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        # The loop keeps only a weak reference to a task.
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def put_latest(queue: Queue, event: bytes) -> None:
    """Put an event into the queue; it replaces one that was not taken yet."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)


HUB = Hub()
