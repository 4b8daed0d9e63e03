"""The ledger of the vendor's minute: who may call now, and why there are never too many.

Why never over the limit. A call holds its slot from before it is sent until the vendor's reply
plus one window, and a slot is only given while fewer than `limit` are held. Take any `limit + 1`
calls in the order of sending. When the last of them was sent, one of the others held no slot any
more, so its reply had come at least one window earlier, and so had its arrival at the vendor,
which lies before its reply. The last one arrived after it was sent. So the two arrivals lie more
than one window apart, whatever the network does in between and whatever window the vendor keeps.
"""

import os
import socket
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from actions.ledger import MARGIN, Ledger
from actions.models import VendorAccount, VendorCall
from actions.states import CallState, Lane
from actions.vendor.payloads import RateWord

CLOCK_JUMP = 0.5
"""Seconds that the wall clock may move against the machine's own before nothing is sent."""


def limit() -> int:
    """Calls that the vendor allows in one window, less those reserved for others."""
    return int(settings.OPSWAT_RATE_LIMIT[0]) - int(settings.ENGINE_RESERVE)


def window() -> timedelta:
    """The vendor's window."""
    return timedelta(seconds=settings.OPSWAT_RATE_LIMIT[1])


def lease() -> timedelta:
    """How long a call may stay open; longer than the hard limit of the task that makes it."""
    connect, read = settings.OPSWAT_TIMEOUT
    grace = settings.ENGINE_GRACE_SECONDS
    return timedelta(seconds=settings.ENGINE_PUMP_SECONDS + connect + read + 2 * grace)


def worker_name() -> str:
    """This process and thread, as the calls page names it."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10_000}"[:100]


def clock() -> datetime:
    """The moment, by the one clock that all workers share: the database's, if it has one."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def lock_account() -> VendorAccount:
    """The account's row, locked to the end of the transaction (SQLite: the database is)."""
    account = VendorAccount.objects.select_for_update().filter(pk=1).first()
    if account is None:
        VendorAccount.objects.get_or_create(pk=1)
        account = VendorAccount.objects.select_for_update().get(pk=1)
    return account


def read_ledger(at: datetime) -> Ledger:
    """The ledger at that moment; exact inside the account's lock, a picture outside it."""
    held = VendorCall.objects.filter(holds_until__gt=at).order_by("holds_until")
    rows = list(held.values_list("holds_until", "state"))
    return Ledger(
        at=at,
        holds=tuple(until for until, _ in rows),
        open_calls=sum(state == CallState.SENDING for _, state in rows),
        limit=limit(),
        urgent_wait=settings.ENGINE_URGENT_WAIT,
    )


def open_call(at: datetime, lane: Lane, api: str, **fields: object) -> VendorCall:
    """Write the row of a call that will now be made; it holds a slot from this moment."""
    until = at + lease()
    return VendorCall.objects.create(
        api=api,
        lane=lane,
        state=CallState.SENDING,
        worker=worker_name(),
        claimed_at=at,
        lease_until=until,
        holds_until=until + window() + MARGIN,
        **fields,
    )


def close_call(
    call: VendorCall,
    state: CallState,
    *,
    http_status: int | None,
    rate: RateWord | None,
    detail: str = "",
) -> bool:
    """Write how the call ended, inside the caller's transaction under the account's lock.

    Returns False when the sweeper had given it up before; the answer is recorded all the same.
    """
    at = clock()
    was_open = call.state == CallState.SENDING
    call.state, call.replied_at, call.http_status = state, at, http_status
    call.detail = detail[:500]
    # Without an answer the vendor may see the call a little after we closed the connection.
    late = window() / 12 if state == CallState.FAILED else timedelta(0)
    call.holds_until = at + late + window() + MARGIN
    if rate is not None:
        call.rate_limit, call.rate_remaining = rate.limit, rate.remaining
        call.rate_reset_after = rate.reset_after
        _note_foreign_calls(call, at)
    call.save()
    return was_open


def _note_foreign_calls(call: VendorCall, at: datetime) -> None:
    """Put calls that others made with this account into the ledger, by the vendor's own count.

    All calls that the vendor counted for us held a slot when this one was claimed, or were
    claimed since: so what it counts beyond those was made by somebody else.
    """
    if call.rate_remaining is None or call.http_status == 429:
        return
    ours = VendorCall.objects.filter(holds_until__gt=call.claimed_at).count()
    total = int(settings.OPSWAT_RATE_LIMIT[0])
    foreign = min(total, total - ours - max(0, call.rate_remaining))
    VendorCall.objects.bulk_create(
        VendorCall(
            api="foreign",
            lane=Lane.NORMAL,
            state=CallState.FOREIGN,
            claimed_at=at,
            lease_until=at,
            replied_at=at,
            holds_until=at + window() + MARGIN,
            detail="The vendor counts calls of this account that this console did not make.",
        )
        for _ in range(max(0, foreign))
    )


def block(account: VendorAccount, seconds: float, reason: str) -> None:
    """Send nothing for so many seconds, and then one call alone first."""
    until = clock() + timedelta(seconds=seconds)
    if account.blocked_until is None or until > account.blocked_until:
        account.blocked_until, account.blocked_reason = until, reason[:500]
    account.probe = True
    account.save()


def back_off(account: VendorAccount, reason: str) -> None:
    """A trouble at the vendor: pause, longer with each trouble in a row, at most one window."""
    account.trouble += 1
    whole = window().total_seconds()
    block(account, min(whole, whole / 30 * 2 ** min(account.trouble - 1, 10)), reason)


def good_answer(account: VendorAccount) -> None:
    """The vendor answers properly: no trouble in a row any more, no probing."""
    if account.probe or account.trouble or account.blocked_until or account.unauthorized:
        account.probe, account.trouble, account.unauthorized = False, 0, 0
        account.blocked_until, account.blocked_reason = None, ""
        account.save()


_last_seen: list[tuple[float, float]] = []


def clock_jumped(at: datetime) -> bool:
    """Whether the shared clock moved against this machine's own since this process last asked."""
    wall, own = at.timestamp(), time.monotonic()
    jumped = bool(_last_seen) and (
        abs((wall - _last_seen[0][0]) - (own - _last_seen[0][1])) > CLOCK_JUMP
    )
    _last_seen[:] = [(wall, own)]
    return jumped


def forget_clock() -> None:
    """Start anew, as a new process does."""
    _last_seen.clear()
