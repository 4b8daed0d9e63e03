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
    """The moment, by the one clock that all workers share: the database's, if it has one."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _this_start() -> str:
    """Linux has a name for each start of the machine; elsewhere the host's name must do."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()[:64]


_last_seen: list[tuple[float, float]] = []
"""What the two clocks showed when this process last looked."""

_machine = [_this_start()]
"""Names this machine since its last start: only until then does its own clock run on."""


def has_jumped(at: datetime, account: VendorAccount | None = None) -> bool:
    """Whether the shared clock moved against this machine's own since somebody last asked.

    The account's row remembers both clocks for all processes of a machine, at least once in a
    window: so one that has just started notices too, and only the first that notices waits.
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
    """Start anew, as a process on a machine that nobody remembers."""
    _last_seen.clear()
    _machine[:] = [uuid4().hex]
