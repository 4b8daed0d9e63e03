"""Connections that record how far a call has come and enforce its total time.

Two facts decide what an error means, and the HTTP library reports neither reliably.

Was anything sent? Its exceptions do not say: a TLS handshake without an answer is a read time-out.
So the connection records whether `connect` (TLS included) has finished: before that no byte of the
request was sent; after that it is unknown.

Is the time up? A socket's time-out starts again with each byte, so a slow answer could last without
end.
"""

import http.client
import io
import socket
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Stage(Enum):
    """How far a call has come."""

    PREPARING = "preparing"
    CONNECTING = "connecting"
    CONNECTED = "connected"


@dataclass(slots=True)
class CallProgress:
    """The progress of one call; `seconds` is its time from the connection to the last byte."""

    seconds: float
    stage: Stage = Stage.PREPARING
    deadline: float = 0.0

    def mark_connecting(self) -> None:
        """Record that a connection is being opened."""
        self.stage = Stage.CONNECTING

    def mark_connected(self) -> None:
        """Record that the connection is open: from now on the request may have arrived."""
        self.stage = Stage.CONNECTED
        self.deadline = time.monotonic() + self.seconds

    def remaining(self) -> float:
        """Return the seconds left; raises TimeoutError if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time for this call is up.")
        return left


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each read within the time that the call has left."""

    def __init__(self, sock: socket.socket, progress: CallProgress) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._sock.settimeout(self._progress.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        # The socket stays open until its last reader is closed.
        self._raw.close()
        super().close()


def pool_classes(progress: CallProgress) -> dict[str, type[HTTPConnectionPool]]:
    """Return the connection pools of one call, by scheme; they report to `progress`."""

    class TimedResponse(http.client.HTTPResponse):
        """A response that is read within the time of the call."""

        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_TimedReader(sock, progress))

    class PlainConnection(HTTPConnection):
        # Set here because the standard library's printing of requests may be switched on globally.
        debuglevel = 0
        response_class = TimedResponse

        def connect(self) -> None:
            progress.mark_connecting()
            super().connect()
            progress.mark_connected()

    class SecureConnection(HTTPSConnection):
        debuglevel = 0
        response_class = TimedResponse

        def connect(self) -> None:
            progress.mark_connecting()
            super().connect()
            progress.mark_connected()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}
