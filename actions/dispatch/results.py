"""Apply a call's result: settle its work, record it, update the circuit breaker."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from actions.dispatch import token_store
from actions.dispatch.claims import Claim
from actions.opswat.client import Answer
from actions.opswat.errors import (
    Blocked,
    NotRecorded,
    Rejected,
    Throttled,
    Unauthorized,
    Unreachable,
    VendorError,
)
from actions.ratelimit import accounts, breaker, clock, limiter
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, PauseCause
from actions.trail import trail
from actions.trail.verbs import Verb

log = logging.getLogger(__name__)

STATE: dict[type[VendorError], CallState] = {
    Throttled: CallState.ANSWERED,
    Blocked: CallState.ANSWERED,
    Unreachable: CallState.NOT_SENT,
    Rejected: CallState.ANSWERED,
    Unauthorized: CallState.ANSWERED,
}
"""State of a call after each error; after any other it had no usable answer."""


@sensitive_variables("outcome")
def record(taken: Claim, outcome: Answer[Any] | VendorError) -> None:
    """Apply what came of a call."""
    if isinstance(outcome, VendorError):
        record_error(taken, outcome)
    else:
        record_answer(taken, outcome)


def _is_settled(call: VendorCall) -> bool:
    """Return whether an earlier attempt has stored the answer; call it under the account's lock.

    The sweeper only gives a call up: its answer is still stored.
    """
    call.refresh_from_db()
    return call.state not in (CallState.SENDING, CallState.LOST)


@sensitive_variables("answer")
@transaction.atomic(durable=True)
def record_answer(taken: Claim, answer: Answer[Any]) -> None:
    """Apply a usable answer."""
    account, call = accounts.lock(), taken.call
    if _is_settled(call):
        return
    in_time = limiter.close_call(
        call, CallState.ANSWERED, http_status=answer.http_status or None, rate=answer.rate
    )
    limiter.note_limit(account, answer.rate)
    _record_call(taken, Verb.VENDOR_ANSWERED)
    if taken.work is None:
        token_store.store(account, answer.value, clock.now())
        return
    breaker.record_success(account)
    taken.work.settle(call, taken.payload, answer, in_time=in_time)


@transaction.atomic(durable=True)
def record_error(taken: Claim, error: VendorError) -> None:
    """Apply the lack of a usable answer, and back off where the vendor needs it."""
    account, call = accounts.lock(), taken.call
    if _is_settled(call):
        return
    log.warning("Vendor call %s (%s): %s", call.pk, call.api, error)
    state = STATE.get(type(error), CallState.FAILED)
    limiter.close_call(
        call,
        state,
        http_status=error.http_status,
        rate=error.rate,
        detail=str(error),
        vendor_words=error.body,
    )
    limiter.note_limit(account, error.rate)
    _record_call(taken, Verb.VENDOR_FAILED, detail=str(error))
    _back_off(account, taken, error)
    if taken.work is not None:
        taken.work.fail(call, taken.payload, error)


@transaction.atomic(durable=True)
def record_unrecorded(taken: Claim, cause: str, http_status: int | None) -> None:
    """Settle a call whose result could not be recorded: its outcome is unknown.

    Without it the call would stay in flight until its lease ends, and so would each that follows.
    """
    account, call = accounts.lock(), taken.call
    call.refresh_from_db()
    error = NotRecorded(
        f"The vendor's answer could not be recorded ({cause}).", http_status=http_status
    )
    limiter.close_call(
        call, CallState.FAILED, http_status=http_status, rate=None, detail=str(error)
    )
    breaker.record_failure(account, str(error))
    work = taken.work
    if work is not None and not _applied(lambda: work.fail(call, taken.payload, error)):
        _applied(lambda: work.lost(call, str(error)))


def _applied(change: Callable[[], None]) -> bool:
    """Make a change in a savepoint; return whether it succeeded."""
    try:
        with transaction.atomic():
            change()
    except Exception as error:  # noqa: BLE001 - whatever it is, the call must be settled
        log.error("A call could not be settled: %s", type(error).__name__)
        return False
    return True


def _record_call(taken: Claim, verb: Verb, detail: str = "") -> None:
    """Write the audit line of a call whose work writes none of its own."""
    if taken.work is not None and taken.work.records_own_lines:
        return
    call = taken.call
    data: dict[str, Any] = {"vendor_words": call.vendor_words} if call.vendor_words else {}
    trail.record(
        trail.ENGINE,
        verb,
        subject_kind="call",
        subject=str(call.pk),
        detail=detail,
        api=call.api,
        call=call.pk,
        http_status=call.http_status,
        **data,
    )


def _back_off(account: VendorAccount, taken: Claim, error: VendorError) -> None:
    """Open the circuit breaker where the vendor, or something in front of it, needs a pause."""
    reason, cause = _reason(taken, error), _cause(taken, error)
    wait = error.rate.retry_after if error.rate else None
    if isinstance(error, Throttled):
        breaker.record_throttled(account, error.retry_after, reason, cause)
    elif isinstance(error, Unauthorized):
        account.unauthorized += 1
        if taken.encrypted_token:
            token_store.invalidate(account, taken.encrypted_token)
        account.save()
        # An expired token is renewed at once; a second refusal is about the credentials.
        if account.unauthorized > 1 or taken.work is None:
            breaker.record_failure(account, reason, cause, wait=wait)
    elif taken.work is None or not isinstance(error, Rejected):
        breaker.record_failure(account, reason, cause, wait=wait)
    elif error.http_status not in (None, 400, 413):
        breaker.record_refusal(account, reason)


def _reason(taken: Claim, error: VendorError) -> str:
    """Return what pages say about the pause."""
    if taken.work is not None or not error.http_status or isinstance(error, Unauthorized):
        return error.told()
    words = f": {error.body}" if error.body else "."
    return f"The vendor's sign-in service answers HTTP {error.http_status}{words}"


def _cause(taken: Claim, error: VendorError) -> PauseCause:
    if taken.work is None:
        if isinstance(error, Unauthorized):
            return PauseCause.CREDENTIALS
        return PauseCause.SIGN_IN if error.http_status else PauseCause.NONE
    if isinstance(error, Unauthorized):
        return PauseCause.TOKEN
    return PauseCause.REFUSED if isinstance(error, Blocked) else PauseCause.NONE
