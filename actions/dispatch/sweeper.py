"""Settle calls and work whose lease or deadline expired, and run the clean-up of other packages."""

from collections.abc import Callable

from django.db import transaction

from actions.dispatch import claims
from actions.dispatch.work import WORKS
from actions.ratelimit import accounts, clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState

_cleanups: list[Callable[[], object]] = []


def on_sweep(cleanup: Callable[[], object]) -> None:
    """Register a function that deletes old rows or files; the sweeper calls it each time."""
    _cleanups.append(cleanup)


def sweep() -> int:
    """Give up the calls of dead workers, expire what is due, and clean up; returns calls given up.

    The slots of those calls stay held for a whole window after the lease: the worker may have died
    after the vendor acted.
    """
    _check_clock_step()
    for work in WORKS:
        work.sweep(clock.now())
    late = VendorCall.objects.filter(state=CallState.SENDING, lease_until__lt=clock.now())
    given_up = sum(_give_up(call_id) for call_id in late.values_list("pk", flat=True))
    for cleanup in _cleanups:
        cleanup()
    return given_up


@transaction.atomic
def _check_clock_step() -> None:
    """Keep calls in flight from looking dead after the clock was set forwards."""
    account = accounts.lock()
    at = clock.now()
    if clock.has_jumped(at, account):
        claims.clock_was_set(account, at)


@transaction.atomic
def _give_up(call_id: int) -> bool:
    accounts.lock()
    late = VendorCall.objects.filter(pk=call_id, state=CallState.SENDING)
    reason = "The worker died while it waited for the vendor's answer."
    if not late.update(state=CallState.LOST, detail=reason):
        return False
    call = VendorCall.objects.get(pk=call_id)
    for work in WORKS:
        if call.api in work.apis:
            work.lost(call, reason)
    return True
