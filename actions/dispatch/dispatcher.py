"""Claim, send, settle: the only way a byte reaches the vendor.

A claim takes a slot of the minute and its work in one transaction. The call is made with no
transaction open. A second transaction records how it ended. `pump` repeats that until nothing is
due or its time is up; any number of pumps may run at once.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.views.decorators.debug import sensitive_variables

from actions import on_commit
from actions.dispatch import token_store
from actions.dispatch.claims import Claim, Wait, claim
from actions.dispatch.models import DispatcherHeartbeat
from actions.dispatch.results import record_answer, record_error
from actions.dispatch.scheduler import Candidate, next_candidate
from actions.opswat.client import Answer, Slot, VendorClient, VendorConfig
from actions.opswat.errors import Rejected, VendorError
from actions.ratelimit import clock, limiter

log = logging.getLogger(__name__)

RECORD_AGAIN = (0.0, 0.2, 1.0, 2.0)
"""Seconds before each further try to record an answer: all together less than the grace time."""


def vendor_client() -> VendorClient:
    """The client for the vendor that the settings name."""
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
        )
    )


@sensitive_variables("token")
def _call_vendor(taken: Claim) -> Answer[Any]:
    """Make the call that the claim stands for; raises VendorError."""
    client, slot = vendor_client(), Slot(taken.call.pk)
    if taken.work is None:
        return client.fetch_token(slot)
    try:
        token = token_store.decrypt(taken.encrypted_token)
        return taken.work.send(client, slot, token, taken.call, taken.payload)
    except (TypeError, ValueError) as error:
        # The client refuses to make a malformed call: nothing was sent, and never will be.
        raise Rejected(f"The call was not made: {error}") from None


def send(taken: Claim) -> None:
    """Make the claimed call with no transaction open, and record how it ended."""
    try:
        answer = _call_vendor(taken)
    except VendorError as error:
        _record(record_error, taken, error)
    else:
        _record(record_answer, taken, answer)


def _record(record: Callable[[Claim, Any], None], taken: Claim, outcome: Any) -> None:
    """Record how the call ended, on a new connection if the database was restarted meanwhile.

    The answer would be lost otherwise, and its commands unconfirmed. What the first try may have
    stored all the same is left alone by the next one.
    """
    for pause in RECORD_AGAIN:
        try:
            record(taken, outcome)
        except (OperationalError, InterfaceError) as error:
            log.warning("Vendor call %s is recorded again: %s", taken.call.pk, type(error).__name__)
            close_old_connections()
            time.sleep(pause)
        else:
            return
    record(taken, outcome)


def step() -> float | None:
    """Do one thing: 0.0 after a call, the seconds to rest if none may go, None without work."""
    taken = claim()
    if taken is None:
        return None
    if isinstance(taken, Wait):
        return taken.seconds
    if _more_is_possible():
        on_commit.hint_work()  # Another pump goes on while this one waits for a slow answer.
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
    """Claim, send and record until nothing is due or the time is up; returns the calls made.

    It naps for the next slot here, in the process, at most ENGINE_NAP_SECONDS long: later work is
    found by the next hint. Where another pump naps already, it leaves at once unless `alone`.
    Between two calls it asks `leave` whether it shall stop.
    """
    end = time.monotonic() + (settings.ENGINE_RUN_SECONDS if seconds is None else seconds)
    calls = 0
    name = limiter.worker_name()
    while (left := end - time.monotonic()) > 0 and not leave():
        rest = step()
        if rest == 0.0:
            calls += 1
            continue
        if rest is None or rest > settings.ENGINE_MAX_IDLE_SECONDS:
            break
        if not alone and _another_is_idle(name):
            break
        _beat(name, idle=True)
        time.sleep(min(rest, left, 1.0))
    _beat(name, idle=False)
    return calls


def _beat(name: str, *, idle: bool) -> None:
    DispatcherHeartbeat.objects.update_or_create(
        name=name, defaults={"heartbeat_at": clock.now(), "idle": idle}
    )


def _another_is_idle(name: str) -> bool:
    at = clock.now()
    others = DispatcherHeartbeat.objects.exclude(name=name).filter(idle=True)
    # One of before the clock was set back may be long dead.
    return others.filter(heartbeat_at__gt=at - timedelta(seconds=3), heartbeat_at__lte=at).exists()
