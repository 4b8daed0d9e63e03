"""Periodic work on the trail: stream it, anchor it, archive old lines, delete old exports.

The ticker starts each of these functions at its interval; two hosts may start them at once.
"""

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils.timezone import now

from actions.audit import jobs, retention
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


def tidy() -> None:
    """Delete expired exports, and move old lines into an archive."""
    jobs.delete_expired()
    if settings.AUDIT_KEEP_DAYS > 0:
        retention.archive(now() - timedelta(days=settings.AUDIT_KEEP_DAYS))


def _anchor_is_due() -> bool:
    """Return whether the file of this installation is older than the interval, or of the future.

    It is of the future after the clock was set back; waiting for that time could take days.
    """
    try:
        age = time.time() - Path(settings.AUDIT_ANCHORS_FILE).stat().st_mtime
    except OSError:
        return True
    return not 0 <= age < ANCHOR_INTERVAL
