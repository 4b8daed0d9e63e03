"""Claim, send, settle: the only way a byte reaches the vendor.

A claim takes a slot and its work in one transaction. The HTTP call is made with no transaction
open. A second transaction applies its result. `dispatch` repeats that until nothing is due or its
time is up; any number of dispatchers may run at once.
"""

import logging
import time
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.views.decorators.debug import sensitive_variables

from actions import on_commit
from actions.dispatch import answers, epoch, heartbeats, token_store
from actions.dispatch.claims import Claim, Wait, claim
from actions.dispatch.results import record, record_unrecorded
from actions.dispatch.scheduler import Candidate, next_candidate
from actions.log_fields import log_fields
from actions.opswat.client import Answer, Slot, VendorClient, VendorConfig
from actions.opswat.errors import Rejected, Unconfirmed, VendorError
from actions.ratelimit import accounts, clock, limiter, window

log = logging.getLogger(__name__)

RECORD_AGAIN = (0.0, 0.2, 1.0, 2.0)
"""Seconds before each further attempt to record a result; the last one repeats."""

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code of an error."""

LOCKED = "Another session of the database holds a lock that sending needs."


def vendor_client() -> VendorClient:
    """Return a client for the vendor that the settings name; raise ValueError for wrong ones."""
    connect, read = settings.OPSWAT_TIMEOUT
    return VendorClient(
        VendorConfig(
            base_url=settings.OPSWAT_BASE_URL,
            client_id=settings.OPSWAT_CLIENT_ID,
            client_secret=settings.OPSWAT_CLIENT_SECRET,
            action_version=settings.OPSWAT_ACTION_VERSION,
            connect_timeout=connect,
            read_timeout=read,
            max_report_bytes=settings.AGENT_LOG_MAX_MB * 2**20,
            allowed_hosts=tuple(settings.OPSWAT_ALLOWED_HOSTS),
        )
    )


@sensitive_variables("token")
def _call_vendor(taken: Claim) -> Answer[Any]:
    """Make the claimed call; raises VendorError, whatever happens."""
    client, slot = vendor_client(), Slot(taken.call.pk)
    if taken.work is None:
        return client.fetch_token(slot)
    try:
        token = token_store.decrypt(taken.encrypted_token)
        return taken.work.send(client, slot, token, taken.call, taken.payload)
    except (TypeError, ValueError) as error:
        # The client refuses to make a malformed call. Nothing was sent.
        raise Rejected(f"The call was not made: {error}") from None
    except VendorError:
        raise
    except Exception as error:  # noqa: BLE001 - it may have been sent, and must be settled
        name = type(error).__name__
    raise Unconfirmed(f"The call ended with an error of this console ({name}).")


def send(taken: Claim) -> None:
    """Make the claimed call with no transaction open, and apply its result."""
    end = time.monotonic() + window.lease().total_seconds()
    outcome: answers.Outcome
    try:
        outcome = _call_vendor(taken)
    except VendorError as error:
        outcome = error
    kept = answers.keep(taken, outcome)
    if _record(taken, outcome, end):
        answers.drop(kept)


def _record(taken: Claim, outcome: answers.Outcome, end: float) -> bool:
    """Apply the result; try again until the lease ends while the database is not available.

    Returns False if it was not available until then. A result that the database refuses settles
    its call with the cause.
    """
    for pause in chain(RECORD_AGAIN, repeat(RECORD_AGAIN[-1])):
        try:
            record(taken, outcome)
        except (OperationalError, InterfaceError) as error:
            cause = type(error).__name__
            log.warning("Vendor call %s is recorded again: %s", taken.call.pk, cause)
            close_old_connections()
            if time.monotonic() + pause >= end:
                break
            time.sleep(pause)
        except Exception as error:
            cause = type(error).__name__
            # A traceback of the token's call might show the token.
            log.error("A result cannot be recorded", exc_info=error if taken.work else None)
            record_unrecorded(taken, cause, getattr(outcome, "http_status", None) or None)
            return True
        else:
            return True
    log.error("The database is not available: the result of call %s waits.", taken.call.pk)
    return False


def step() -> float | None:
    """Make one call; return 0.0 after it, the seconds to wait if none may go, None without work."""
    vendor_client()  # With wrong settings nothing may be claimed: it could not be sent.
    taken = claim()
    if taken is None:
        return None
    if isinstance(taken, Wait):
        return taken.seconds
    if _more_is_possible():
        on_commit.wake_dispatcher_now()  # Another one sends while this one waits.
    requests = [str(uuid) for uuid in taken.call.action_requests.values_list("uuid", flat=True)[:5]]
    with log_fields(call=taken.call.pk, action_requests=" ".join(requests)):
        epoch.note(accounts.read(), taken.call.pk)
        send(taken)
    return 0.0


def _more_is_possible() -> bool:
    ledger = limiter.read_ledger(clock.now())
    if ledger.open_calls >= settings.ENGINE_IN_FLIGHT:
        return False
    return isinstance(next_candidate(ledger), Candidate)


def dispatch(
    seconds: float | None = None,
    *,
    alone: bool = False,
    leave: Callable[[], bool] = lambda: False,
) -> int:
    """Claim, send and record until nothing is due or the time is up; return the calls made.

    It waits in the process for a slot that frees within ENGINE_MAX_IDLE_SECONDS; for a later one it
    returns, and the ticker starts another dispatcher in time. If another dispatcher is idle
    already, it returns at once unless `alone`. Between two calls it stops if `leave` returns True.
    """
    end = time.monotonic() + (settings.ENGINE_RUN_SECONDS if seconds is None else seconds)
    calls = 0
    name = limiter.worker_name()
    while (left := end - time.monotonic()) > 0 and not leave():
        try:
            wait = step()
        except OperationalError as error:
            if not _waited_for_lock(error):
                raise
            log.warning(LOCKED)
            heartbeats.beat(problem=LOCKED)
            continue
        if wait == 0.0:
            calls += 1
            continue
        if wait is None or wait > settings.ENGINE_MAX_IDLE_SECONDS:
            break
        if not alone and _another_is_idle(name):
            break
        heartbeats.beat(idle=True)
        time.sleep(min(wait, left, 1.0))
    heartbeats.beat(idle=False)
    return calls


def _waited_for_lock(error: OperationalError) -> bool:
    """Return whether PostgreSQL's lock_timeout has passed: nothing was claimed."""
    return getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE


def _another_is_idle(name: str) -> bool:
    at = clock.now()
    others = heartbeats.recent(at, seconds=3).exclude(name=name).filter(idle=True)
    # A heartbeat from before the clock was set back may be that of a dead process.
    return others.filter(heartbeat_at__lte=at).exists()
