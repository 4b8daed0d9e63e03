"""Periodic work on the trail: stream it, and anchor it.

The ticker starts this at its interval; two hosts may start them at once.
"""

import time
from pathlib import Path

from django.conf import settings

from actions.audit.siem import stream
from actions.trail import anchors, ceilings

ANCHOR_INTERVAL = 15 * 60.0
"""Seconds between two anchors of an installation."""


def run() -> None:
    """Stream what is pending, tell counted refusals, and write an anchor if one is due."""
    ceilings.tell_counted()
    stream.send_pending()
    if _anchor_is_due():
        anchors.write_anchor()


def _anchor_is_due() -> bool:
    """Return whether the file of this installation is older than the interval, or of the future.

    It is of the future after the clock was set back; waiting for that time could take days.
    """
    try:
        age = time.time() - Path(settings.AUDIT_ANCHORS_FILE).stat().st_mtime
    except OSError:
        return True
    return not 0 <= age < ANCHOR_INTERVAL
