"""On SIGTERM, finish the call in flight before exiting; otherwise its outcome would be unknown."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noting(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Catch these signals; yield a function that returns whether one has arrived.

    A second signal takes its usual effect. A supervisor that stops a worker signals the whole
    process group, and so the process in which a dispatcher waits for the vendor.
    """
    arrived = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield arrived.is_set  # Only the main thread may set signal handlers.
        return
    before = {each: signal.getsignal(each) for each in signals}

    def note(signum: int, frame: FrameType | None) -> None:
        arrived.set()
        signal.signal(signum, before[signal.Signals(signum)])

    for each in signals:
        signal.signal(each, note)
    try:
        yield arrived.is_set
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
