"""The ASGI application around Django's: all limits that do not need the socket."""

from collections.abc import Awaitable, Callable
from functools import partial

from django.conf import settings

from dashboard.server import bodies, seldom
from dashboard.server.gate import Gate
from dashboard.server.hosts import check_host
from dashboard.server.refusals import Message, Receive, Refused, Scope, Send, headers_and_body
from dashboard.server.start import BOUND, bind_server

Application = Callable[..., Awaitable[None]]


class Bounded:
    """Hands a request on to Django once it is within the limits and a place is free."""

    def __init__(self, django: Application) -> None:
        self.django = django
        self.gate = Gate(settings.WEB_REQUESTS, settings.WEB_CONNECTIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the server."""
        if scope["type"] == "lifespan":
            await _live(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"The console does not serve {scope['type']}.")
        if BOUND not in scope.get("state", {}):
            seldom.warn("This server limits neither heads nor connections: see docs/deployment.md.")
        body = bodies.Body(scope, receive)
        started = False

        async def note_and_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            bodies.check_head(scope)
            check_host(scope)
            with self.gate.visit(scope) as visit:
                body.address = visit.address
                body.when_complete = partial(self.gate.enter, visit)
                # For what streams without the database: see dashboard.streaming.
                scope["give_back_place"] = partial(self.gate.give_back, visit)
                await self.django(scope, body.receive, note_and_send)
        except Refused as refused:
            if not started:
                await _answer(refused, body, send)
        finally:
            body.release()


async def _answer(refused: Refused, body: bodies.Body, send: Send) -> None:
    headers, content = headers_and_body(refused)
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await body.drop_rest()
    await send({"type": "http.response.body", "body": b""})


async def _live(scope: Scope, receive: Receive, send: Send) -> None:
    """Bind the server before it listens; answer its messages of start and end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            bind_server(scope, receive)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
