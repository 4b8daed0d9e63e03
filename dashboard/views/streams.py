"""Streams of live pages: one stream for each open page."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from actions.action_requests import selectors as action_requests
from dashboard.live.hub import HUB, Queue
from dashboard.streaming import leave_database
from dashboard.views.action_requests import progress_of

KEEPALIVE_INTERVAL = 15.0
"""Seconds of silence after which a stream sends a comment, so that no proxy closes it."""

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
    user_id = (await request.auser()).pk or 0
    if HUB.is_full(user_id):
        response = HttpResponse("You have too many live pages open: poll.", status=429)
        response["Retry-After"] = "60"
        return response
    topic = f"request:{token}"
    if not await HUB.render(topic):
        return HttpResponse("There is no such request.", status=404)
    if not await HUB.subscribe():
        return HttpResponse("Live updates are not available now: poll.", status=503)
    events = _events(request, topic, user_id)
    stream = StreamingHttpResponse(events, content_type="text/event-stream")
    stream["Cache-Control"] = "no-store"
    stream["X-Accel-Buffering"] = "no"
    return stream


async def _events(request: ASGIRequest, topic: str, user_id: int) -> AsyncIterator[bytes]:
    # The sign-in check left a database connection open, which the stream does not need.
    await leave_database(request)
    loop = asyncio.get_running_loop()
    end = loop.time() + MAX_STREAM_SECONDS
    queue = HUB.join(topic)
    try:
        with HUB.place_for(user_id):
            # Includes a change made after the page was rendered and before it joined.
            yield await HUB.render(topic)
            while loop.time() < end and (event := await _next(queue)):
                yield event
    finally:
        HUB.leave(topic, queue)


async def _next(queue: Queue) -> bytes:
    """Return the next event, a comment after KEEPALIVE_INTERVAL, or b"" at the end."""
    try:
        async with asyncio.timeout(KEEPALIVE_INTERVAL):
            return await queue.get()
    except TimeoutError:
        return b": still here\n\n"
