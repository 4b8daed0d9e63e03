"""Live pages: one stream for each open page."""

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
from dashboard.live.hub import Hub
from dashboard.views.action_requests import progress_of

COMMENT_EVERY = 15.0
"""Seconds after which a silent stream says that it is alive."""

LIFE = 300.0
"""Seconds after which a stream ends; the browser connects again and its rights are checked."""


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

HUB = Hub(_render)


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
