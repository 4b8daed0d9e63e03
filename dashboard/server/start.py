"""Give Uvicorn its limits, whatever command starts it.

Uvicorn offers no hook for an application that is started by hand, with or without --workers. But
it sends the application a message before it listens, and that message leads to its settings.
"""

import asyncio
import logging
import resource
from functools import partial
from typing import Any

from django.conf import settings
from uvicorn.config import Config

from dashboard.log_formatter import OneLine
from dashboard.server import seldom
from dashboard.server.protocol import BoundedProtocol
from dashboard.server.refusals import Receive, Scope

BOUND = "console.bound"
"""Key in the state of a request whose server has these limits."""

RESERVED_FILES = 200
"""Open files for all but connections: database, Redis, static files and agent logs."""

ACCEPTS = 100
"""Connections that asyncio accepts in one go; up to four times as many may be on their way in."""

_MALFORMED = "Invalid HTTP request received."


def bind_server(scope: Scope, receive: Receive) -> None:
    """Set the limits of the Uvicorn that sent the message; another server is left alone."""
    config = getattr(getattr(receive, "__self__", None), "config", None)
    if not isinstance(config, Config):
        return
    config.backlog, connections = capacity(_raise_file_limit())
    per_address = connections if _is_behind_proxy() else settings.WEB_CONNECTIONS_PER_ADDRESS
    bounded: Any = partial(
        BoundedProtocol,
        max_connections=connections,
        max_per_address=min(per_address, connections),
    )
    config.http_protocol_class = bounded
    scope["state"][BOUND] = True
    asyncio.get_running_loop().set_exception_handler(_on_loop_error)
    logging.getLogger("uvicorn.error").addFilter(_seldom_malformed)


def capacity(files: int) -> tuple[int, int]:
    """Return the accept backlog and the number of connections for a limit of open files."""
    backlog = min(ACCEPTS, max(1, files // 20))
    room = files - 4 * backlog - min(RESERVED_FILES, files // 2)
    return backlog, max(1, min(settings.WEB_CONNECTIONS, room))


def write_json() -> None:
    """Format uvicorn's own lines as the console's; what it logs and where to is its own choice."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        for handler in logging.getLogger(name).handlers:
            handler.setFormatter(OneLine())


def _is_behind_proxy() -> bool:
    """Whether all connections come from a proxy, so that an address is not a client."""
    return bool(settings.BEHIND_PROXY)


def _raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1_000_000 if hard == resource.RLIM_INFINITY else hard


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log errors of the event loop; asyncio repeats one for each try to accept a connection."""
    if str(context.get("message", "")).startswith("socket.accept()"):
        seldom.warn("No connection can be accepted: the process has no free file descriptor.")
    else:
        loop.default_exception_handler(context)


def _seldom_malformed(record: logging.LogRecord) -> bool:
    if record.msg != _MALFORMED:
        return True
    seldom.warn("A request was no valid HTTP: answered with 400.")
    return False
