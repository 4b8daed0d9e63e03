"""The floor of free disk space: below it nothing large is written, so that sending goes on."""

import shutil
from pathlib import Path

from django.conf import settings

from actions.errors import Code, Refused


def free_mb() -> int:
    """Return the free megabytes where DATA_DIR lies."""
    return shutil.disk_usage(Path(settings.DATA_DIR)).free // 2**20


def is_short() -> bool:
    """Return whether less than MIN_FREE_DISK_MB is free."""
    return bool(settings.MIN_FREE_DISK_MB) and free_mb() < settings.MIN_FREE_DISK_MB


def check(what: str) -> None:
    """Raise Refused if less than MIN_FREE_DISK_MB is free; `what` is not done for that reason."""
    if is_short():
        raise Refused.because(
            "",
            Code.DISK_SHORT,
            "%(what)s: only %(free)s MB of disk are free, and MIN_FREE_DISK_MB keeps "
            "%(floor)s MB for sending. Free space on the disk of DATA_DIR, then try again.",
            what=what,
            free=f"{free_mb():,}",
            floor=f"{settings.MIN_FREE_DISK_MB:,}",
        )
