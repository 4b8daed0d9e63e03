"""The event log of a chaos run: what happened when. Read it first when a run has failed."""

import threading
import time
from collections.abc import Callable


class EventLog:
    """Lines with the seconds since the start; several threads may write at once."""

    def __init__(self, echo: Callable[[str], None] = lambda line: None) -> None:
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._echo = echo
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Append a line and pass it to `echo`."""
        with self._lock:
            line = f"{time.monotonic() - self._start:7.2f} s  {text}"
            self.lines.append(line)
            self._echo(line)

    def __str__(self) -> str:
        return "\n".join(self.lines)
