"""The clock that all workers share, and whether it was set."""

import socket
import time
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from actions.ratelimit import window
from actions.ratelimit.ledger import CLOCK_JUMP
from actions.ratelimit.models import VendorAccount


def now() -> datetime:
    """Return the time by the clock that all workers share: the database server's, if any."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _this_start() -> str:
    """Return the boot ID on Linux, the host name elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()[:64]


_last_seen: list[tuple[float, float]] = []
"""The wall clock and the monotonic clock, in seconds, when this process last compared them."""

_machine = [_this_start()]
"""The boot of this machine: its monotonic clock is only comparable within one boot."""


def has_jumped(at: datetime, account: VendorAccount | None = None) -> bool:
    """Return whether the shared clock was set, judged by this machine's monotonic clock.

    The account's row stores both clocks for all processes of a machine, at least once in a window:
    so a process that has just started detects a step too, and only the first to detect it reacts.
    """
    wall, own = at.timestamp(), time.monotonic()
    seen = _last_seen[0] if _last_seen else None
    if account and account.clock_machine == _machine[0]:
        seen = account.clock_wall, account.clock_own
    jumped = seen is not None and abs((wall - seen[0]) - (own - seen[1])) > CLOCK_JUMP
    _last_seen[:] = [(wall, own)]
    if account and (jumped or abs(wall - account.clock_wall) > window.length().total_seconds()):
        account.clock_machine, account.clock_wall, account.clock_own = _machine[0], wall, own
        account.save(update_fields=["clock_machine", "clock_wall", "clock_own"])
    return jumped


def forget() -> None:
    """Forget what was seen, as a new process on a new machine; for tests."""
    _last_seen.clear()
    _machine[:] = [uuid4().hex]
