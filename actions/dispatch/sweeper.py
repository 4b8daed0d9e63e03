"""Settle calls and work whose lease or deadline expired, and run the clean-up of other packages."""

import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction

from actions.dispatch import answers, claims
from actions.dispatch.results import record
from actions.dispatch.work import WORKS
from actions.ratelimit import accounts, clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState

log = logging.getLogger(__name__)

DIED = "The worker died while it waited for the vendor's answer."

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
    # Before anything is settled or expired that may have been sent since the backup.
    _attempt(claims.freeze_if_older)
    _attempt(partial(answers.store_kept, record))
    for work in WORKS:
        _attempt(partial(work.sweep, clock.now()))
    late = VendorCall.objects.filter(state=CallState.SENDING, lease_until__lt=clock.now())
    given_up = sum(_settle_late(call_id) for call_id in late.values_list("pk", flat=True))
    for cleanup in _cleanups:
        _attempt(cleanup)
    return given_up


def _attempt(part: Callable[[], object]) -> object:
    """Run one part of the sweep and return its result; the others run whether it fails or not."""
    try:
        return part()
    except Exception:
        log.exception("A part of the sweep failed")
        return None


def _settle_late(call_id: int) -> bool:
    """Give a late call up; if its work cannot be settled now, end at least the call."""
    given_up = _attempt(partial(_give_up, call_id))
    if given_up is not None:
        return bool(given_up)
    late = VendorCall.objects.filter(pk=call_id, state=CallState.SENDING)
    return bool(late.update(state=CallState.LOST, detail=DIED))


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
    if not late.update(state=CallState.LOST, detail=DIED):
        return False
    call = VendorCall.objects.get(pk=call_id)
    for work in WORKS:
        if call.api in work.apis:
            work.lost(call, DIED)
    return True
