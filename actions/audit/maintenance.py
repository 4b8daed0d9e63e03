"""Periodic work on the trail: stream it, anchor it, archive old lines, delete old exports."""

from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils.timezone import now

from actions.audit import jobs, retention, settings_changes
from actions.audit.siem import stream
from actions.trail import anchors, ceilings

ANCHOR_INTERVAL = 15 * 60
"""Seconds between two anchors."""

CLEANUP_INTERVAL = 3600
SETTINGS_INTERVAL = 60


def run() -> None:
    """Do what is due; workers may run this at the same time."""
    if cache.add("audit-settings", 1, SETTINGS_INTERVAL):
        settings_changes.record_changes()
    ceilings.tell_counted()
    stream.send_pending()
    # Each installation whose workers run this has a file of its own.
    if cache.add(f"audit-anchor-{settings.AUDIT_INSTALLATION}", 1, ANCHOR_INTERVAL):
        anchors.write_anchor()
    if cache.add("audit-tidy", 1, CLEANUP_INTERVAL):
        jobs.delete_expired()
        if settings.AUDIT_KEEP_DAYS > 0:
            retention.archive(now() - timedelta(days=settings.AUDIT_KEEP_DAYS))
