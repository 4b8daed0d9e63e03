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
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from actions.opswat.payloads import RateLimitStatus
from actions.ratelimit import breaker, clock, window
from actions.ratelimit.ledger import Ledger, hold_after_reply
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane


def worker_name() -> str:
    """This process and thread, as the calls page names it."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10_000}"[:100]


def read_ledger(at: datetime) -> Ledger:
    """The ledger at that moment; exact inside the account's lock, a picture outside it."""
    held = VendorCall.objects.filter(holds_until__gt=at).order_by("holds_until")
    rows = list(held.values_list("holds_until", "state"))
    return Ledger(
        at=at,
        holds=tuple(until for until, _ in rows),
        open_calls=sum(state == CallState.SENDING for _, state in rows),
        limit=window.limit(),
        urgent_wait=settings.ENGINE_URGENT_WAIT,
    )


def calls_within(span: timedelta, at: datetime) -> QuerySet[VendorCall]:
    """Return the calls of the last `span`, oldest first, without those of before a clock step."""
    calls = VendorCall.objects.filter(claimed_at__gt=at - span, claimed_at__lte=at)
    return calls.order_by("claimed_at")


def open_call(at: datetime, lane: Lane, api: str, **fields: object) -> VendorCall:
    """Write the row of a call that will now be made; it holds a slot from this moment."""
    until = at + window.lease()
    return VendorCall.objects.create(
        api=api,
        lane=lane,
        state=CallState.SENDING,
        worker=worker_name(),
        claimed_at=at,
        lease_until=until,
        holds_until=until + hold_after_reply(window.length()),
        **fields,
    )


def close_call(
    call: VendorCall,
    state: CallState,
    *,
    http_status: int | None,
    rate: RateLimitStatus | None,
    detail: str = "",
) -> bool:
    """Write how the call ended, inside the caller's transaction under the account's lock.

    Returns False when the sweeper had given it up before; the answer is recorded all the same.
    """
    at = clock.now()
    was_open = call.state == CallState.SENDING
    call.state, call.replied_at, call.http_status = state, at, http_status
    call.detail = detail[:500]
    # Without an answer the vendor may see the call a little after we closed the connection.
    late = window.length() / 12 if state == CallState.FAILED else timedelta(0)
    call.holds_until = at + late + hold_after_reply(window.length())
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
            holds_until=at + hold_after_reply(window.length()),
            detail="The vendor counts calls of this account that this console did not make.",
        )
        for _ in range(max(0, foreign))
    )


def clock_was_set(account: VendorAccount, at: datetime) -> None:
    """Send nothing until all calls up to now are out of the vendor's window, by the new clock.

    Calls on their way begin their lease anew, because nobody knows how old they are. What the old
    clock put further away than that would stop the engine for as long as the clock was set back.
    """
    until = at + window.lease()
    still = VendorCall.objects.filter(state=CallState.SENDING)
    still.update(lease_until=until, holds_until=until + hold_after_reply(window.length()))
    end = at + window.length() / 12 + hold_after_reply(window.length())
    over = VendorCall.objects.exclude(state=CallState.SENDING)
    over.filter(holds_until__gt=end).update(holds_until=end)
    account.open_until = None
    breaker.open_for(account, (end - at).total_seconds(), "The clock was set anew.")
