"""A polite kill lets the call that is on its way come home: its outcome would be unknown else."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noting(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Note these signals instead of obeying them; gives a question whether one has come.

    The second one is obeyed at once. A supervisor that stops a worker signals the whole process
    group, so also the process in which a pump waits for the vendor.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set  # Only the main thread may say what a signal does.
        return
    before = {each: signal.getsignal(each) for each in signals}

    def note(signum: int, frame: FrameType | None) -> None:
        came.set()
        signal.signal(signum, before[signal.Signals(signum)])

    for each in signals:
        signal.signal(each, note)
    try:
        yield came.is_set
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
