"""Streams of live pages: one stream for each open page."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from actions.action_requests import selectors as action_requests
from dashboard import session_end
from dashboard.live.hub import HUB, RENDER_THREADS, Queue
from dashboard.streaming import leave_database
from dashboard.views.action_requests import progress_of

KEEPALIVE_INTERVAL = 10.0
"""Seconds between two checks that the session and the role of the stream's user are unchanged.

Each check sends a comment, so that no proxy closes a silent stream.
"""

ROLE_SHARED_FOR = 3.0
"""Seconds for which the streams of one session share the answer of a check."""

MAX_STREAM_SECONDS = 300.0
"""Seconds after which a stream ends; the browser reconnects, and its session is checked again."""


def render_request(key: str) -> bytes:
    """Render the live part of a request as a server-sent event; its id is the request's version."""
    action_request = action_requests.find(UUID(key))
    if action_request is None:
        return b""
    html = render_to_string("action_requests/_progress.html", progress_of(action_request))
    lines = [f"id: {action_request.version}", "event: progress"]
    lines += [f"data: {line}" for line in html.splitlines() if line.strip()]
    return ("\n".join(lines) + "\n\n").encode()


HUB.topic("request", render_request)


@require_GET
async def action_request_stream(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Stream the live part of one request; 501 where the server cannot stream (WSGI)."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse("Streams need the ASGI server.", status=501)
    user = await request.auser()
    if HUB.is_full(user.pk or 0):
        response = HttpResponse("You have too many live pages open: poll.", status=429)
        response["Retry-After"] = "60"
        return response
    topic = f"request:{token}"
    if not await HUB.render(topic):
        return HttpResponse("There is no such request.", status=404)
    if not await HUB.subscribe():
        return HttpResponse("Live updates are not available now: poll.", status=503)
    stream = StreamingHttpResponse(_events(request, topic), content_type="text/event-stream")
    stream["Cache-Control"] = "no-store"
    stream["X-Accel-Buffering"] = "no"
    return stream


def _role_now(session_key: str) -> str:
    """Return the role of the session's user, or an empty text if the session has ended."""
    try:
        user = session_end.user_of(session_key)
        return user.role if user else ""
    finally:
        close_old_connections()


_ask_role = sync_to_async(_role_now, thread_sensitive=False, executor=RENDER_THREADS)

_asked: dict[str, tuple[float, asyncio.Future[str]]] = {}
"""For each session, when its role was last asked for, and the answer."""


async def _current_role(session_key: str) -> str:
    """Return the role of the session's user, at most ROLE_SHARED_FOR seconds old."""
    now = asyncio.get_running_loop().time()
    for key in [key for key, (at, _) in _asked.items() if now - at >= ROLE_SHARED_FOR]:
        del _asked[key]
    if session_key not in _asked:
        _asked[session_key] = now, asyncio.ensure_future(_ask_role(session_key))
    # A stream that is closed while it waits must not cancel the question of the others.
    return await asyncio.shield(_asked[session_key][1])


async def _events(request: ASGIRequest, topic: str) -> AsyncIterator[bytes]:
    user = await request.auser()
    # The sign-in check left a database connection open, which the stream does not need.
    await leave_database(request)
    session_key = str(request.session.session_key)
    loop = asyncio.get_running_loop()
    end = loop.time() + MAX_STREAM_SECONDS
    check_at = loop.time() + KEEPALIVE_INTERVAL
    queue = HUB.join(topic)
    try:
        with HUB.place_for(user.pk or 0):
            # Includes a change made after the page was rendered and before it joined.
            yield await HUB.render(topic)
            while loop.time() < end and (event := await _next(queue, check_at - loop.time())):
                if loop.time() >= check_at:
                    if await _current_role(session_key) != getattr(user, "role", ""):
                        return
                    check_at = loop.time() + KEEPALIVE_INTERVAL
                yield event
    finally:
        HUB.leave(topic, queue)


async def _next(queue: Queue, seconds: float) -> bytes:
    """Return the next event, a comment after so many seconds, or b"" at the end."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await queue.get()
    except TimeoutError:
        return b": still here\n\n"
