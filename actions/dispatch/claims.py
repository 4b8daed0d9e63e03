"""Claims a slot together with the work that will use it, in one transaction.

`scheduler` decides whose work it is; the work's own class fills the call.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from actions.dispatch import epoch, token_store
from actions.dispatch.scheduler import Candidate, next_candidate
from actions.dispatch.work import WORKS, Work
from actions.ratelimit import accounts, clock, limiter
from actions.ratelimit.ledger import Ledger
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from actions.trail import trail
from actions.trail.verbs import Verb

CHECK_AGAIN_SECONDS = 0.2
"""Seconds after which a dispatcher checks whether a call in flight has ended."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot with the work that will use it; a call for a token has no work."""

    call: VendorCall
    encrypted_token: str = field(default="", repr=False)
    work: Work[Any, Any] | None = None
    payload: Any = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent for so many seconds, although there may be work."""

    seconds: float


@transaction.atomic(durable=True)
def claim() -> Claim | Wait | None:
    """Take a slot and the work that goes next; Wait if no slot is free, None without work.

    1. Lock the account, so that claims are made one after another.
    2. If the clock was set, hold everything until all calls have left the vendor's window.
    3. Queue what was held until now, and read the ledger.
    4. Let the scheduler choose, and let the work open its call, which takes the slot.
    """
    account = accounts.lock()
    at = clock.now()
    if clock.has_jumped(at, account):
        clock_was_set(account, at)
    if _freeze_if_older(account) or account.frozen:
        return None
    for work in WORKS:
        work.release(at)
    ledger = limiter.read_ledger(at, account)
    found = next_candidate(ledger, _line_wait(account, ledger))
    if isinstance(found, Candidate):
        return _take(found, account, at)
    return Wait(found) if found else None


def _freeze_if_older(account: VendorAccount) -> bool:
    """Freeze sending if the database is older than the world; return whether it is.

    What waits may have been sent since the backup was made, so it is not sent: it is unconfirmed.
    That is so too if a person had frozen sending when the backup was made.
    """
    problem = "" if account.restored_at else epoch.problem(account)
    if problem:
        _freeze(account, f"The database looks like a restored backup. {problem}")
    return bool(problem)


@transaction.atomic
def freeze_if_older() -> bool:
    """Freeze sending if the database was restored and nobody has noticed it; return whether."""
    return _freeze_if_older(accounts.lock())


@transaction.atomic
def freeze_restored(reason: str) -> int:
    """Freeze sending after a backup was restored; return the commands that are in doubt."""
    return _freeze(accounts.lock(), reason)


def _freeze(account: VendorAccount, cause: str) -> int:
    account.frozen, account.frozen_reason = True, cause[:500]
    account.restored_at = clock.now()
    account.save()
    reason = "The database was restored from a backup: it may have been sent since."
    in_doubt = sum(work.restored(reason) for work in WORKS)
    trail.record(
        trail.ENGINE,
        Verb.SENDING_FROZEN,
        subject_kind="engine",
        subject="sending",
        detail=account.frozen_reason,
        in_doubt=in_doubt,
    )
    return in_doubt


def clock_was_set(account: VendorAccount, at: datetime) -> None:
    """Correct the times that a clock wrote which has been set since, so that no work waits on them.

    Call it under the account's lock.
    """
    limiter.clock_was_set(account, at)
    for work in WORKS:
        work.clock_was_set(at)


def _line_wait(account: VendorAccount, ledger: Ledger) -> float:
    """Return the seconds for which the account as a whole must wait."""
    if account.open_until and account.open_until > ledger.at:
        return (account.open_until - ledger.at).total_seconds()
    if ledger.open_calls >= (1 if account.half_open else settings.ENGINE_IN_FLIGHT):
        return CHECK_AGAIN_SECONDS
    return 0.0


def _take(candidate: Candidate, account: VendorAccount, at: datetime) -> Claim | Wait:
    """Open the call of the candidate, or first the call for a token if there is none."""
    encrypted_token = token_store.current(account, at)
    if encrypted_token is None:
        out = VendorCall.objects.filter(api="token", state=CallState.SENDING, lease_until__gt=at)
        if out.exists():
            return Wait(CHECK_AGAIN_SECONDS)
        return Claim(limiter.open_call(at, candidate.lane, "token"))
    call, payload = candidate.work.claim(candidate.due.item, candidate.lane, at)
    return Claim(call, encrypted_token, candidate.work, payload)
