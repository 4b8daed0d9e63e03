"""How a call ended: from the vendor's answer, or the lack of one, to rows and brakes."""

import logging
from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from actions.action_requests import outcomes, readback
from actions.agent_logs import fetch
from actions.dispatch import token_store
from actions.dispatch.claims import Claim
from actions.inventory import refresh
from actions.inventory import sync as inventory
from actions.inventory.models import InventorySync
from actions.opswat.client import Answer
from actions.opswat.errors import (
    Rejected,
    RetryLater,
    Throttled,
    Unauthorized,
    Unreachable,
    VendorError,
)
from actions.ratelimit import breaker, clock, limiter, window
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from actions.trail import trail

log = logging.getLogger(__name__)

STATE: dict[type[VendorError], CallState] = {
    Throttled: CallState.ANSWERED,
    Unreachable: CallState.NOT_SENT,
    Rejected: CallState.ANSWERED,
    Unauthorized: CallState.ANSWERED,
}
"""How a call stands after each error; every other one leaves it without a usable answer."""


@sensitive_variables("answer")
@transaction.atomic(durable=True)
def record_answer(taken: Claim, answer: Answer[Any]) -> None:
    """The vendor answered properly: settle what the call carried."""
    account, call = limiter.lock_account(), taken.call
    call.refresh_from_db()
    in_time = limiter.close_call(
        call, CallState.ANSWERED, http_status=answer.http_status or None, rate=answer.rate
    )
    if call.api != "action":
        _record_call(call, "vendor.answered")
    if call.api == "token":
        token_store.store(account, answer.value, clock.now())
        return
    breaker.record_success(account)
    if call.api == "action":
        outcomes.settle(call, answer.value)
    elif taken.looks:
        inventory.store_details(taken.looks.ids, answer.value)
        refresh.finish(taken.looks.ids)
        readback.reconcile(taken.looks, answer.value)
    elif taken.log:
        fetch.settle(call, taken.log, answer.value, in_time=in_time)
    elif (running := _still_asked(taken.sync)) is None:
        return
    elif call.api == InventorySync.Stage.GROUPS:
        inventory.store_groups(running, answer.value)
    elif call.api == InventorySync.Stage.CHANGES:
        inventory.store_changes(running, answer.value)
    else:
        inventory.store_devices(running, answer.value)


@transaction.atomic(durable=True)
def record_error(taken: Claim, error: VendorError) -> None:
    """No usable answer: put the brakes on where they are needed, and move the rows."""
    account, call = limiter.lock_account(), taken.call
    log.warning("Vendor call %s (%s): %s", call.pk, call.api, error)
    call.refresh_from_db()
    state = STATE.get(type(error), CallState.FAILED)
    limiter.close_call(
        call, state, http_status=error.http_status, rate=error.rate, detail=str(error)
    )
    if call.api != "action":
        _record_call(call, "vendor.failed", reason=str(error))
    _back_off(account, call, taken.encrypted_token, error)
    if running := _still_asked(taken.sync):
        _settle_sync(running, error)
    elif taken.looks:
        readback.requeue(taken.looks)
        refresh.requeue(taken.looks, str(error), final=isinstance(error, Rejected))
    elif taken.log:
        fetch.requeue(call, taken.log, error)
    elif call.api == "action":
        _settle_commands(call, error)


def _record_call(call: VendorCall, verb: str, reason: str = "") -> None:
    """The trail's line of a call for a token, a page of the inventory or a look at devices."""
    trail.record(
        trail.ENGINE,
        verb,
        subject_kind="call",
        subject=str(call.pk),
        reason=reason,
        api=call.api,
        call=call.pk,
        http_status=call.http_status,
    )


def _still_asked(sync: InventorySync | None) -> InventorySync | None:
    """The read as it stands, unless a later call has asked for the same page since."""
    if sync is None:
        return None
    running = InventorySync.objects.filter(pk=sync.pk, running=True, calls=sync.calls)
    return running.select_for_update().first()


def _back_off(
    account: VendorAccount, call: VendorCall, encrypted_token: str, error: VendorError
) -> None:
    if isinstance(error, Throttled):
        whole = window.length().total_seconds()
        seconds = whole if error.retry_after is None else min(error.retry_after, 2 * whole)
        breaker.open_for(account, seconds, str(error))
    elif isinstance(error, Unauthorized):
        account.unauthorized += 1
        if encrypted_token:
            token_store.invalidate(account, encrypted_token)
        account.save()
        # An expired token is renewed once at once; a second refusal is about our credentials.
        if account.unauthorized > 1 or call.api == "token":
            breaker.record_failure(account, str(error))
    elif not isinstance(error, Rejected):
        breaker.record_failure(account, str(error))


def _settle_commands(call: VendorCall, error: VendorError) -> None:
    if isinstance(error, (RetryLater, Unauthorized)):
        outcomes.requeue(call, str(error))
    elif isinstance(error, Rejected):
        outcomes.reject(call, str(error), error.http_status or 0)
    else:
        outcomes.mark_unconfirmed(call, str(error), error.http_status)


def _settle_sync(sync: InventorySync, error: VendorError) -> None:
    if isinstance(error, Rejected):
        inventory.fail(sync, str(error))
    else:
        inventory.requeue(sync, str(error))
