"""Format of log lines, and the bound of lines that repeat."""

import json
import logging
import os
import sys
import threading
import time
from datetime import UTC, datetime

from actions.log_fields import current


class OneLine(logging.Formatter):
    """Writes one JSON object a line, so that external text cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time (UTC), level, process, logger, message, fields and traceback."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": f"{_PROCESS} {os.getpid()}",
            "logger": record.name,
            "message": record.getMessage(),
            **current(),
        }
        if repeated := getattr(record, "repeated", 0):
            line["left_out"] = repeated
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _process() -> str:
    """Return what this process is: web, worker, or the name of a command."""
    program, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    if "uvicorn" in sys.argv[0] or "uvicorn" in arguments:
        return "web"
    if "celery" in sys.argv[0]:
        return "worker"
    return arguments[0] if program == "manage.py" and arguments else program


_PROCESS = _process()


class Repeats(logging.Filter):
    """Lets a message pass MAX times in SPAN seconds, and then tells how many were left out.

    Messages count as the same by their text before values are filled in, so that a fault that
    lasts does not fill the disk.
    """

    MAX, SPAN = 5, 60.0

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the line."""
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, record.levelno, str(record.msg)[:200]), time.monotonic()
        with self._lock:
            began, count = self._seen.get(key, (now, 0))
            if now - began >= self.SPAN:
                record.repeated = max(0, count - self.MAX)
                began, count = now, 0
            self._seen[key] = began, count + 1
            if len(self._seen) > 1000:
                self._seen.pop(next(iter(self._seen)))
            return count < self.MAX
