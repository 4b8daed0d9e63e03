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
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.utils import timezone

from actions.opswat.payloads import RateWord
from actions.ratelimit.ledger import CLOCK_JUMP, Ledger, hold_after_reply
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane


def _this_start() -> str:
    """Linux has a name for each start of the machine; elsewhere the host's name must do."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()[:64]


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
        holds_until=until + hold_after_reply(window()),
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
    call.holds_until = at + late + hold_after_reply(window())
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
    if call.rate_remaining is None or call.http_status == 429 or call.claimed_at > at:
        return  # Where the clock was set back meanwhile, the times of the rows tell nothing.
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
            holds_until=at + hold_after_reply(window()),
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
    """The vendor answers properly: no trouble in a row any more, no probing.

    A call that was on its way already when sending was stopped says nothing of what came after.
    """
    if account.blocked_until and account.blocked_until > clock():
        return
    if account.probe or account.trouble or account.blocked_until or account.unauthorized:
        account.probe, account.trouble, account.unauthorized = False, 0, 0
        account.blocked_until, account.blocked_reason = None, ""
        account.save()


_last_seen: list[tuple[float, float]] = []
"""What the two clocks showed when this process last looked."""

_machine = [_this_start()]
"""Names this machine since its last start: only until then does its own clock run on."""


def clock_jumped(at: datetime, account: VendorAccount | None = None) -> bool:
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
    if account and (jumped or abs(wall - account.clock_wall) > window().total_seconds()):
        account.clock_machine, account.clock_wall, account.clock_own = _machine[0], wall, own
        account.save(update_fields=["clock_machine", "clock_wall", "clock_own"])
    return jumped


def clock_was_set(account: VendorAccount, at: datetime) -> None:
    """Send nothing until all calls up to now are out of the vendor's window, by the new clock.

    Calls on their way begin their lease anew, because nobody knows how old they are. What the old
    clock put further away than that would stop the engine for as long as the clock was set back.
    """
    until = at + lease()
    still = VendorCall.objects.filter(state=CallState.SENDING)
    still.update(lease_until=until, holds_until=until + hold_after_reply(window()))
    end = at + window() / 12 + hold_after_reply(window())
    over = VendorCall.objects.exclude(state=CallState.SENDING)
    over.filter(holds_until__gt=end).update(holds_until=end)
    account.blocked_until = None
    block(account, (end - at).total_seconds(), "The clock was set anew.")


def forget_clock() -> None:
    """Start anew, as a process on a machine that nobody remembers."""
    _last_seen.clear()
    _machine[:] = [uuid4().hex]
