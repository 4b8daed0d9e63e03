"""Connections that know how far a call has come and end it when its time is up.

Two questions decide what an accident means, and the HTTP library answers neither well. *Did
anything leave?* Its exceptions blur it: a TLS handshake without an answer comes as a read time-out.
So the connection itself notes whether `connect` (TLS included) ever came to its end: before that,
no byte of the request can have left; after it, nothing is known for certain. *Is the time up?* A
socket's time-out begins anew with each byte, so a dripping answer could last for ever.
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
    """One call's progress; `seconds` is its time from the connection to the answer's last byte."""

    seconds: float
    stage: Stage = Stage.PREPARING
    deadline: float = 0.0

    def mark_connecting(self) -> None:
        """Note that a connection is being opened."""
        self.stage = Stage.CONNECTING

    def mark_connected(self) -> None:
        """Note that the connection stands: from now on the request may have arrived."""
        self.stage = Stage.CONNECTED
        self.deadline = time.monotonic() + self.seconds

    def remaining(self) -> float:
        """Seconds left, more than 0; raises TimeoutError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time for this call is up.")
        return left


class _TimedReader(io.RawIOBase):
    """Reads from a socket, each time for as long as the whole call has left."""

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
        # The socket is counted open until this last reader has let go of it.
        self._raw.close()
        super().close()


def pool_classes(progress: CallProgress) -> dict[str, type[HTTPConnectionPool]]:
    """The pools of one call, by scheme, whose connections report to `progress`."""

    class TimedResponse(http.client.HTTPResponse):
        """An answer that reads its head and its body through the call's own clock."""

        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_TimedReader(sock, progress))

    class PlainConnection(HTTPConnection):
        # Set here because somebody may switch on the standard library's printing of requests.
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
