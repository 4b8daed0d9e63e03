"""What is done for the trail without being asked: ship it, anchor it, archive it, tidy up."""

from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils.timezone import now

from actions.audit import anchors, jobs, retention, settings_changes, stream

ANCHOR_EVERY = 15 * 60
"""Seconds between two anchors."""

TIDY_EVERY = 3600
WATCH_EVERY = 60


def run() -> None:
    """Do what is due; any number of workers may come by at once."""
    if cache.add("audit-settings", 1, WATCH_EVERY):
        settings_changes.watch()
    stream.ship()
    if cache.add("audit-anchor", 1, ANCHOR_EVERY):
        anchors.write_anchor()
    if cache.add("audit-tidy", 1, TIDY_EVERY):
        jobs.drop_old()
        if settings.AUDIT_KEEP_DAYS > 0:
            retention.archive(now() - timedelta(days=settings.AUDIT_KEEP_DAYS))
