"""Settle what is past its deadline, so that nothing stays in a passing state; drop what is old."""

from datetime import datetime

from django.db import transaction

from actions.action_requests import outcomes
from actions.agent_logs import fetch as reports
from actions.dispatch import claims
from actions.ratelimit import limiter as budget
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState
from actions.selections import choose as selections
from actions.selections import uploads as picks


def sweep() -> int:
    """Give up the calls of dead workers; returns how many.

    Their slots stay held for a whole window after the lease. The commands are *unconfirmed*, and
    wait again only where repeating is safe: the worker may have died after the vendor acted.
    """
    _look_at_the_clock()
    expire(budget.clock())
    reports.sweep(budget.clock())
    late = VendorCall.objects.filter(state=CallState.SENDING, lease_until__lt=budget.clock())
    given_up = sum(_give_up(call_id) for call_id in late.values_list("pk", flat=True))
    selections.drop_old()
    picks.drop_old()
    return given_up


@transaction.atomic
def _look_at_the_clock() -> None:
    """A clock set forwards must not make living calls look dead."""
    account = budget.lock_account()
    at = budget.clock()
    if budget.clock_jumped(at, account):
        claims.clock_was_set(account, at)


@transaction.atomic
def expire(moment: datetime) -> None:
    """Expire the commands whose time to give up has come."""
    budget.lock_account()
    outcomes.expire(moment)


@transaction.atomic
def _give_up(call_id: int) -> bool:
    budget.lock_account()
    late = VendorCall.objects.filter(pk=call_id, state=CallState.SENDING)
    reason = "The worker died while it waited for the vendor's answer."
    if not late.update(state=CallState.LOST, detail=reason):
        return False
    call = VendorCall.objects.get(pk=call_id)
    if call.api == "action":
        outcomes.unconfirm(call, reason)
    elif call.api == "report":
        reports.worker_died(call)
    return True
