"""The processes of one machine, started and ended together."""

import os
import signal
from collections.abc import Callable
from types import FrameType

from honcho.manager import Manager


class Processes(Manager):  # type: ignore[misc]  # The package has no types.
    """honcho's manager, which also ends well when it is stopped early or loses its terminal."""

    def __init__(self, when_started: Callable[[], None]) -> None:
        super().__init__()
        self._when_started: Callable[[], None] | None = when_started
        self._wanted_end = False

    def loop(self) -> None:
        """Run until a part or all of it ends; a closed terminal ends it as Ctrl-C does."""
        signal.signal(signal.SIGHUP, _leave_terminal)
        super().loop()

    def terminate(self) -> None:
        """Ask all to end; before they have all started, only remember that."""
        if super()._all_started():
            super().terminate()
        else:
            self._wanted_end = True

    def end(self) -> None:
        """Leave nothing behind, whatever it was that ended the loop."""
        for each in self._processes.values():
            if each.get("pid") and each.get("returncode") is None:
                self._procmgr.kill(each["pid"])

    def _all_started(self) -> bool:
        """Asked in every turn of the loop, so the place for what has to wait for the start."""
        started = bool(super()._all_started())
        if started and self._when_started is not None:
            when_started, self._when_started = self._when_started, None
            when_started()
        if started and self._wanted_end and not self._terminating:
            super().terminate()
        return started


def _leave_terminal(signum: int, frame: FrameType | None) -> None:
    """Nobody reads any more, and writing would fail: end as after a polite kill."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.kill(os.getpid(), signal.SIGTERM)
