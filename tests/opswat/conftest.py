"""Fixtures of the tests of actions.opswat."""

import contextlib
import signal
import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Reserve a loopback port on which no process listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def stop_during():
    """Return a context that raises in the main thread after some seconds, as a time limit does."""

    @contextlib.contextmanager
    def context(kind: type[BaseException], seconds: float) -> Iterator[None]:
        def stop(*_: object) -> None:
            raise kind

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return context
