"""Runs the dispatcher in this process, for commands that wait for the outcome."""

import signal
import time
from collections.abc import Callable

from actions.dispatch import dispatcher, shutdown, sweeper


def dispatch_until(done: Callable[[], bool], seconds: float) -> bool:
    """Send what is due until `done` or for so many seconds; return whether it was done.

    Other workers may send at the same time: the ledger keeps all of them within the limit. Raises
    KeyboardInterrupt on Ctrl-C, after the call in flight has ended.
    """
    end = time.monotonic() + seconds
    sweeper.sweep()
    with shutdown.noting(signal.SIGINT) as leave:
        while not done():
            if leave():
                raise KeyboardInterrupt
            left = end - time.monotonic()
            if left <= 0:
                return False
            rest = dispatcher.step()
            if rest != 0.0:
                time.sleep(min(left, 0.25 if rest is None else max(0.01, min(rest, 0.25))))
    return True
