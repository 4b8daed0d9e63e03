"""Claim, send, settle: the only way a byte reaches the vendor.

A claim takes a slot and its work in one transaction. The HTTP call is made with no transaction
open. A second transaction applies its result. `dispatch` repeats that until nothing is due or its
time is up; any number of dispatchers may run at once.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.views.decorators.debug import sensitive_variables

from actions import on_commit
from actions.dispatch import epoch, heartbeats, token_store
from actions.dispatch.claims import Claim, Wait, claim
from actions.dispatch.results import record_answer, record_error, record_unrecorded
from actions.dispatch.scheduler import Candidate, next_candidate
from actions.log_fields import log_fields
from actions.opswat.client import Answer, Slot, VendorClient, VendorConfig
from actions.opswat.errors import Rejected, Unconfirmed, VendorError
from actions.ratelimit import accounts, clock, limiter

T = TypeVar("T")

log = logging.getLogger(__name__)

RECORD_AGAIN = (0.0, 0.2, 1.0, 2.0)
"""Seconds before each further attempt to record a result; their sum is less than the grace time."""


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
    try:
        answer = _call_vendor(taken)
    except VendorError as error:
        _record(record_error, taken, error)
    else:
        _record(record_answer, taken, answer)


def _record(record: Callable[[Claim, T], None], taken: Claim, outcome: T) -> None:
    """Apply the result, on a new connection if the database was restarted meanwhile.

    Otherwise the answer would be lost and its commands unconfirmed. An attempt leaves alone what
    an earlier attempt has stored. A result that cannot be recorded settles its call with the cause.
    """
    cause = ""
    for pause in (*RECORD_AGAIN, 0.0):
        try:
            record(taken, outcome)
        except (OperationalError, InterfaceError) as error:
            cause = type(error).__name__
            log.warning("Vendor call %s is recorded again: %s", taken.call.pk, cause)
            close_old_connections()
            time.sleep(pause)
        except Exception as error:
            cause = type(error).__name__
            # A traceback of the token's call might show the token.
            log.error("A result cannot be recorded", exc_info=error if taken.work else None)
            break
        else:
            return
    log.error("The result of vendor call %s cannot be recorded: %s", taken.call.pk, cause)
    record_unrecorded(taken, cause, getattr(outcome, "http_status", None) or None)


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
        wait = step()
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


def _another_is_idle(name: str) -> bool:
    at = clock.now()
    others = heartbeats.recent(at, seconds=3).exclude(name=name).filter(idle=True)
    # A heartbeat from before the clock was set back may be that of a dead process.
    return others.filter(heartbeat_at__lte=at).exists()
