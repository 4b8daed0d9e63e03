"""Log what anybody outside can cause: one line a minute for each kind, with the number left out."""

import logging
import time

INTERVAL = 60.0
"""Minimum seconds between two lines of one kind."""

log = logging.getLogger("dashboard.server")

_last: dict[str, float] = {}
_left_out: dict[str, int] = {}


def warn(text: str) -> None:
    """Log the text as a warning, unless it was logged in the last minute.

    The text is one of ours, never what a client sent: so there are few kinds.
    """
    now = time.monotonic()
    if now - _last.get(text, -INTERVAL) < INTERVAL:
        _left_out[text] = _left_out.get(text, 0) + 1
        return
    _last[text] = now
    since = _left_out.pop(text, 0)
    log.warning("%s%s", text, f" ({since} more since the last line.)" if since else "")
