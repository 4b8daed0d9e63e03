"""Start several processes together and stop them together."""

import os
import signal
from collections.abc import Callable
from types import FrameType

from honcho.manager import Manager


class Processes(Manager):  # type: ignore[misc]  # The package has no types.
    """Honcho's manager, which also stops cleanly during the start or without a terminal."""

    def __init__(self, when_started: Callable[[], None]) -> None:
        super().__init__()
        self._when_started: Callable[[], None] | None = when_started
        self._stop_requested = False

    def loop(self) -> None:
        """Run until a process ends; a closed terminal stops all of them, as Ctrl-C does."""
        signal.signal(signal.SIGHUP, _on_hangup)
        super().loop()

    def terminate(self) -> None:
        """Stop all processes; before all have started, only record the request."""
        if super()._all_started():
            super().terminate()
        else:
            self._stop_requested = True

    def end(self) -> None:
        """Kill the processes that still run, whatever ended the loop."""
        for each in self._processes.values():
            if each.get("pid") and each.get("returncode") is None:
                self._procmgr.kill(each["pid"])

    def _all_started(self) -> bool:
        """Return whether all processes run; the loop calls this in every pass.

        The callback and a recorded stop request have to wait for the start, so they run here.
        """
        started = bool(super()._all_started())
        if started and self._when_started is not None:
            when_started, self._when_started = self._when_started, None
            when_started()
        if started and self._stop_requested and not self._terminating:
            super().terminate()
        return started


def _on_hangup(signum: int, frame: FrameType | None) -> None:
    """Stop as on SIGTERM; writing to the closed terminal would fail, so discard the output."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    os.kill(os.getpid(), signal.SIGTERM)
