"""Rate limiter: decides when the next vendor call may start.

Proof that the limit is never exceeded. A call holds its slot from before it is sent until the
vendor's reply plus one window, and a slot is given only while fewer than `limit` are held. Take
any `limit + 1` calls in the order of sending. When the last of them was sent, at least one of the
others held no slot any more, so its reply had come at least one window earlier, and its arrival at
the vendor lies before its reply. The last call arrived after it was sent. So the two arrivals lie
more than one window apart, whatever the delays of the network and wherever the vendor's window
begins.
"""

import os
import socket
import threading
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from actions.opswat.payloads import RateLimitStatus
from actions.ratelimit import accounts, breaker, clock, window
from actions.ratelimit.ledger import Ledger, hold_after_reply
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane

THROTTLED = 429
"""The HTTP status with which the vendor refuses a call beyond its limit."""


def worker_name() -> str:
    """Return the name of this process and thread for the calls page."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10_000}"[:100]


def read_ledger(at: datetime, account: VendorAccount | None = None) -> Ledger:
    """Return the ledger at that time; exact under the account's lock, otherwise a snapshot."""
    account = account or accounts.read()
    held = VendorCall.objects.filter(holds_until__gt=at).order_by("holds_until")
    rows = list(held.values_list("holds_until", "state"))
    return Ledger(
        at=at,
        holds=tuple(until for until, _ in rows),
        open_calls=sum(state == CallState.SENDING for _, state in rows),
        limit=window.limit(account.vendor_limit),
        urgent_wait=settings.ENGINE_URGENT_WAIT,
    )


def calls_within(span: timedelta, at: datetime) -> QuerySet[VendorCall]:
    """Return the calls of the last `span`, oldest first, without those of before a clock step."""
    calls = VendorCall.objects.filter(claimed_at__gt=at - span, claimed_at__lte=at)
    return calls.order_by("claimed_at")


def open_call(at: datetime, lane: Lane, api: str, **fields: object) -> VendorCall:
    """Create the row of a call that is about to be made; it holds a slot from now on."""
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
    vendor_words: str = "",
) -> bool:
    """Record how the call ended; call it in a transaction under the account's lock.

    Returns False if the sweeper had given the call up; the answer is recorded all the same.
    """
    at = clock.now()
    was_open = call.state == CallState.SENDING
    call.state, call.replied_at, call.http_status = state, at, http_status
    call.detail, call.vendor_words = detail[:500], vendor_words[:300]
    # Without an answer the vendor may receive the call shortly after we closed the connection.
    late = window.length() / 12 if state == CallState.FAILED else timedelta(0)
    call.holds_until = at + late + hold_after_reply(window.length())
    if http_status == THROTTLED and rate is not None and rate.wait is not None:
        # The vendor did not count it, and has said when its window ends.
        reset = timedelta(seconds=max(breaker.SHORTEST_WAIT, rate.wait))
        call.holds_until = min(call.holds_until, at + reset)
    if rate is not None:
        call.rate_limit, call.rate_remaining = rate.limit, rate.remaining
        call.rate_reset_after = rate.reset_after
        _note_foreign_calls(call, at)
    call.save()
    return was_open


def note_limit(account: VendorAccount, rate: RateLimitStatus | None) -> None:
    """Note the limit that the vendor states, if it is another one than before."""
    if rate is not None and rate.limit and rate.limit != account.vendor_limit:
        account.vendor_limit = rate.limit
        account.save(update_fields=["vendor_limit"])


def _note_foreign_calls(call: VendorCall, at: datetime) -> None:
    """Add calls that other clients made with this account to the ledger, by the vendor's count.

    Each of our calls that the vendor counted held a slot when this one was claimed, or was claimed
    since. So the calls that it counts beyond those were made by another client.
    """
    if call.rate_remaining is None or call.http_status == THROTTLED:
        return
    if call.claimed_at > at or call.lease_until != call.claimed_at + window.lease():
        return  # The clock was set during the call, so the times of the rows cannot be compared.
    held = VendorCall.objects.filter(holds_until__gt=call.claimed_at)
    # The vendor does not count refused calls (assumed); if it does, this errs on the safe side.
    ours = held.exclude(http_status=THROTTLED).count()
    total = call.rate_limit or int(settings.OPSWAT_RATE_LIMIT[0])
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
    """Stop sending until all calls so far have left the vendor's window, by the new clock.

    The lease of each call in flight starts again, because its age is unknown. Slots that the old
    clock holds longer than that would stop sending for as long as the clock was set back.
    """
    until = at + window.lease()
    in_flight = VendorCall.objects.filter(state=CallState.SENDING)
    in_flight.update(lease_until=until, holds_until=until + hold_after_reply(window.length()))
    end = at + window.length() / 12 + hold_after_reply(window.length())
    ended = VendorCall.objects.exclude(state=CallState.SENDING)
    ended.filter(holds_until__gt=end).update(holds_until=end)
    account.open_until = None
    breaker.open_for(account, (end - at).total_seconds(), "The clock was set.")
