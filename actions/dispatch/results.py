"""Apply a call's result: settle its work, record it, update the circuit breaker."""

import logging
from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from actions.dispatch import token_store
from actions.dispatch.claims import Claim
from actions.opswat.client import Answer
from actions.opswat.errors import Rejected, Throttled, Unauthorized, Unreachable, VendorError
from actions.ratelimit import accounts, breaker, clock, limiter, window
from actions.ratelimit.models import VendorAccount
from actions.ratelimit.states import CallState
from actions.trail import trail
from actions.trail.verbs import Verb

log = logging.getLogger(__name__)

STATE: dict[type[VendorError], CallState] = {
    Throttled: CallState.ANSWERED,
    Unreachable: CallState.NOT_SENT,
    Rejected: CallState.ANSWERED,
    Unauthorized: CallState.ANSWERED,
}
"""State of a call after each error; after any other it had no usable answer."""


@sensitive_variables("answer")
@transaction.atomic(durable=True)
def record_answer(taken: Claim, answer: Answer[Any]) -> None:
    """Apply a usable answer."""
    account, call = accounts.lock(), taken.call
    call.refresh_from_db()
    in_time = limiter.close_call(
        call, CallState.ANSWERED, http_status=answer.http_status or None, rate=answer.rate
    )
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
    log.warning("Vendor call %s (%s): %s", call.pk, call.api, error)
    call.refresh_from_db()
    state = STATE.get(type(error), CallState.FAILED)
    limiter.close_call(
        call, state, http_status=error.http_status, rate=error.rate, detail=str(error)
    )
    _record_call(taken, Verb.VENDOR_FAILED, detail=str(error))
    _back_off(account, taken, error)
    if taken.work is not None:
        taken.work.fail(call, taken.payload, error)


def _record_call(taken: Claim, verb: Verb, detail: str = "") -> None:
    """Write the audit line of a call whose work writes none of its own."""
    if taken.work is not None and taken.work.records_own_lines:
        return
    call = taken.call
    trail.record(
        trail.ENGINE,
        verb,
        subject_kind="call",
        subject=str(call.pk),
        detail=detail,
        api=call.api,
        call=call.pk,
        http_status=call.http_status,
    )


def _back_off(account: VendorAccount, taken: Claim, error: VendorError) -> None:
    if isinstance(error, Throttled):
        whole = window.length().total_seconds()
        seconds = whole if error.retry_after is None else min(error.retry_after, 2 * whole)
        breaker.open_for(account, seconds, str(error))
    elif isinstance(error, Unauthorized):
        account.unauthorized += 1
        if taken.encrypted_token:
            token_store.invalidate(account, taken.encrypted_token)
        account.save()
        # An expired token is renewed at once; a second refusal is about the credentials.
        if account.unauthorized > 1 or taken.work is None:
            breaker.record_failure(account, str(error))
    elif not isinstance(error, Rejected):
        breaker.record_failure(account, str(error))
