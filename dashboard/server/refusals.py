"""Answers that are given before Django: a short text, with the security headers of every page."""

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from csp.utils import build_policy
from django.conf import settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_SECONDS = 5
"""Seconds after which a client may try again after a 503."""


class Refused(Exception):
    """The request is answered with a status and a text, and its connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def too_busy() -> Refused:
    """Return the refusal of a request that found no place."""
    return Refused(503, "The console is busy. Wait a few seconds, then reload the page.")


def headers_and_body(refused: Refused) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the body of the answer."""
    token = uuid.uuid4().hex
    body = f"{refused.text}\nRequest: {token}\n".encode()
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "Content-Security-Policy": build_policy(),
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "X-Request-ID": token,
    }
    if refused.status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()], body


def as_bytes(refused: Refused) -> bytes:
    """Return the answer as it goes over the socket, where no request could be read."""
    headers, body = headers_and_body(refused)
    lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])
