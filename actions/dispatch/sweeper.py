"""Settle what is past its deadline, so that nothing stays in a passing state; drop what is old."""

from datetime import datetime

from django.db import transaction

from actions.action_requests import outcomes
from actions.agent_logs import fetch
from actions.dispatch import claims
from actions.ratelimit import clock, limiter
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState
from actions.selections import choose, uploads


def sweep() -> int:
    """Give up the calls of dead workers; returns how many.

    Their slots stay held for a whole window after the lease. The commands are *unconfirmed*, and
    wait again only where repeating is safe: the worker may have died after the vendor acted.
    """
    _check_clock_step()
    expire(clock.now())
    fetch.sweep(clock.now())
    late = VendorCall.objects.filter(state=CallState.SENDING, lease_until__lt=clock.now())
    given_up = sum(_give_up(call_id) for call_id in late.values_list("pk", flat=True))
    choose.drop_old()
    uploads.drop_old()
    return given_up


@transaction.atomic
def _check_clock_step() -> None:
    """A clock set forwards must not make living calls look dead."""
    account = limiter.lock_account()
    at = clock.now()
    if clock.has_jumped(at, account):
        claims.clock_was_set(account, at)


@transaction.atomic
def expire(moment: datetime) -> None:
    """Expire the commands whose time to give up has come."""
    limiter.lock_account()
    outcomes.expire(moment)


@transaction.atomic
def _give_up(call_id: int) -> bool:
    limiter.lock_account()
    late = VendorCall.objects.filter(pk=call_id, state=CallState.SENDING)
    reason = "The worker died while it waited for the vendor's answer."
    if not late.update(state=CallState.LOST, detail=reason):
        return False
    call = VendorCall.objects.get(pk=call_id)
    if call.api == "action":
        outcomes.mark_unconfirmed(call, reason)
    elif call.api == "report":
        fetch.on_call_lost(call)
    return True
