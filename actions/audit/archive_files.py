"""The files of archives: which there are, and which are older than they are kept."""

from datetime import datetime
from pathlib import Path

from django.conf import settings

from actions.trail.models import AuditEvent


def archive_files() -> list[Path]:
    """Return the files of all archives."""
    return sorted(Path(settings.AUDIT_ARCHIVE_DIR).glob("audit-to-*.zip"))


def delete_old(before: datetime) -> int:
    """Delete the archives that were written before a time; return how many.

    One whose lines are still in the database stays.
    """
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() or 0
    count = 0
    for path in archive_files():
        last = path.stem.split("-")[2]
        if path.stat().st_mtime < before.timestamp() and last.isdecimal() and int(last) < first:
            path.unlink(missing_ok=True)
            count += 1
    return count
