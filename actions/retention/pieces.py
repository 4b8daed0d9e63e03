"""Remove rows in pieces: one lease, short transactions, and pauses in which others may write."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from actions.audit.retention import rest
from actions.ratelimit import limiter
from actions.retention.models import RetentionCount, RetentionLease

LEASE = timedelta(seconds=120)
"""Time after which a run without a sign of life has lost its lease."""

ROW_ID = 1

FIRST_PIECE, SMALLEST_PIECE, LARGEST_PIECE = 200, 20, 5_000
"""Rows of one transaction."""

SHORT, LONG = 0.04, 0.12
"""Seconds of work in a transaction below which the next is larger, and above which it is smaller.

Its commit does not count: a slow disk makes each commit slow, so smaller ones would not help."""

RENEW_AFTER = 20.0
"""Seconds after which the lease is renewed where no piece renews it."""


class LeaseLost(Exception):
    """Another run has taken the lease meanwhile; it goes on with the work."""


class Run:
    """One run under the lease: when it must end, and how large the next piece is."""

    def __init__(self, holder: str, seconds: float, leave: Callable[[], bool]) -> None:
        self._holder, self._leave = holder, leave
        self._ends_at = time.monotonic() + seconds
        self._renewed_at = time.monotonic()
        self.size = FIRST_PIECE

    def go_on(self) -> bool:
        """Return whether there is time for another piece; renew the lease if it is due."""
        if time.monotonic() > self._renewed_at + RENEW_AFTER:
            self.renew()
        return time.monotonic() < self._ends_at and not self._leave()

    def renew(self) -> None:
        """Move the end of the lease; raises LeaseLost."""
        mine = RetentionLease.objects.filter(pk=ROW_ID, holder=self._holder)
        if not mine.update(until=now() + LEASE):
            raise LeaseLost
        self._renewed_at = time.monotonic()

    def piece(self, name: str, upto: datetime | None, remove: Callable[[int], int]) -> int:
        """Call `remove` with a number of rows in a transaction, count what it returns, and pause.

        `remove` returns how many it removed, of those that the trail counts under `name`.
        """
        began = time.monotonic()
        with transaction.atomic():
            self.renew()
            count = remove(self.size)
            if count:
                _count(name, upto, count)
            seconds = time.monotonic() - began
        if seconds < SHORT:
            self.size = min(LARGEST_PIECE, self.size * 2)
        elif seconds > LONG:
            self.size = max(SMALLEST_PIECE, self.size // 2)
        rest(time.monotonic() - began)
        return count


def _count(name: str, upto: datetime | None, count: int) -> None:
    RetentionCount.objects.bulk_create([RetentionCount(name=name)], ignore_conflicts=True)
    row = RetentionCount.objects.filter(name=name)
    row.update(untold=F("untold") + count, upto=upto)


def _dead_holder() -> str | None:
    """Return who holds the lease, if it is a process of this host that has ended; else None."""
    holder = RetentionLease.objects.filter(pk=ROW_ID).values_list("holder", flat=True).first()
    host, _, rest = (holder or "").partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdecimal():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return holder
    except OSError:
        pass  # It lives, and belongs to another user.
    return None


@contextmanager
def lease(seconds: float, leave: Callable[[], bool]) -> Iterator[Run | None]:
    """Yield a run, or None while another process holds the lease."""
    holder, at = limiter.worker_name(), now()
    RetentionLease.objects.bulk_create([RetentionLease(pk=ROW_ID)], ignore_conflicts=True)
    # A lease that ends later than any new one is from before the clock was set back.
    free = Q(until=None) | Q(until__lt=at) | Q(until__gt=at + 2 * LEASE) | Q(holder=_dead_holder())
    taken = RetentionLease.objects.filter(free, pk=ROW_ID).update(
        holder=holder, until=at + LEASE, started_at=at, ended_at=None
    )
    if not taken:
        yield None
        return
    try:
        yield Run(holder, seconds, leave)
    finally:
        mine = RetentionLease.objects.filter(pk=ROW_ID, holder=holder)
        mine.update(holder="", until=None, ended_at=now())
