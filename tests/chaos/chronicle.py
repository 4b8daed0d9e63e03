"""What was done when: the first thing to read when a chaos run has failed."""

import threading
import time
from collections.abc import Callable


class Chronicle:
    """Lines with the seconds since the start; safe to write from many threads."""

    def __init__(self, say: Callable[[str], None] = lambda line: None) -> None:
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._say = say
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Add a line, and say it at once to who listens."""
        with self._lock:
            line = f"{time.monotonic() - self._start:7.2f} s  {text}"
            self.lines.append(line)
            self._say(line)

    def __str__(self) -> str:
        return "\n".join(self.lines)
