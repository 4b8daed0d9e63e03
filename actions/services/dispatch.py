"""Claim, send, settle: the only way a byte reaches the vendor.

A claim takes a slot of the minute and its work in one transaction. The call is made with no
transaction open. A second transaction records how it ended. `pump` repeats that until nothing is
due or its time is up; any number of pumps may run at once.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.views.decorators.debug import sensitive_variables

from actions import notify
from actions.models import (
    ActionRequest,
    DeviceCommand,
    InventorySync,
    PumpHeartbeat,
    VendorAccount,
    VendorCall,
)
from actions.services import budget, inventory, tokens
from actions.services.replies import record_answer, record_error
from actions.states import CommandStatus, Lane
from actions.vendor.client import Answer, Slot, VendorClient, VendorConfig
from actions.vendor.errors import Rejected, VendorError
from actions.vendor.payloads import ActionOrder

log = logging.getLogger(__name__)

S = CommandStatus
LOOK_AGAIN = 0.2
"""Seconds after which a pump looks whether a call that is on its way has come back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot of the minute with the work that will use it."""

    call: VendorCall
    sealed_token: str = field(default="", repr=False)
    order: ActionOrder | None = None
    sync: InventorySync | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing may be sent for so many seconds, although there may be work."""

    seconds: float


Work = DeviceCommand | InventorySync


@transaction.atomic(durable=True)
def claim() -> Claim | Rest | None:
    """Take a slot and the work that goes next; Rest if none is free yet, None without work."""
    account = budget.lock_account()
    at = budget.clock()
    if budget.clock_jumped(at):
        budget.block(account, budget.window().total_seconds(), "The clock jumped.")
    found = None if account.frozen else _next_work(at)
    if found is None:
        return None
    lane, work = found
    ledger = budget.read_ledger(at)
    wait = _wait(account, ledger, lane)
    if wait > 0:
        return Rest(wait)
    token = tokens.current(account, at)
    if token is None:
        if VendorCall.objects.filter(api="token", lease_until__gt=at, replied_at=None).exists():
            return Rest(LOOK_AGAIN)
        return Claim(budget.open_call(at, lane, "token"))
    if isinstance(work, InventorySync):
        return _claim_page(work, at, lane, token)
    return _claim_commands(work, at, lane, token)


def _wait(account: VendorAccount, ledger: budget.Ledger, lane: Lane) -> float:
    """Seconds until a call of that lane may be made; 0 when it may be made now."""
    if account.blocked_until and account.blocked_until > ledger.at:
        return (account.blocked_until - ledger.at).total_seconds()
    if ledger.open_calls >= (1 if account.probe else settings.ENGINE_IN_FLIGHT):
        return LOOK_AGAIN
    return ledger.wait_for(lane)


def _next_work(at: datetime) -> tuple[Lane, Work] | None:
    for lane in (Lane.URGENT, Lane.NORMAL, Lane.BULK):
        if command := _next_command(lane, at):
            return lane, command
    sync = inventory.due_sync(at)
    return (Lane.INVENTORY, sync) if sync else None


def _due(at: datetime) -> Any:
    """Queued commands that may go now: none waits behind an older one for the same device."""
    older = DeviceCommand.objects.filter(
        device_key=OuterRef("device_key"), id__lt=OuterRef("id"), status__in=[S.QUEUED, S.SENDING]
    )
    return DeviceCommand.objects.filter(~Exists(older), status=S.QUEUED, due_at__lte=at)


def _next_command(lane: Lane, at: datetime) -> DeviceCommand | None:
    """The row that goes next in a lane: requests take turns, call by call."""
    last = VendorCall.objects.filter(lane=lane, lead_request_id__isnull=False).first()
    rows = _due(at).filter(lane=lane).order_by("request_id", "id")
    turn: DeviceCommand | None = None
    if last:
        turn = rows.filter(request_id__gt=last.lead_request_id).first()
    return turn or rows.first()


def _claim_commands(lead: DeviceCommand, at: datetime, lane: Lane, token: str) -> Claim:
    """Take the lead's request's due rows, up to what one call may carry."""
    rows = list(
        _due(at)
        .filter(request=lead.request_id, batch=lead.batch)
        .select_for_update(of=("self",))
        .order_by("id")[: settings.OPSWAT_MAX_DEVICES]
    )
    wish: ActionRequest = lead.request
    call = budget.open_call(
        at,
        lane,
        "action",
        kind_name=wish.kind_name,
        params=wish.params,
        addressing=wish.addressing,
        device_count=len(rows),
        lead_request_id=wish.pk,
    )
    call.action_requests.add(wish)
    DeviceCommand.objects.filter(pk__in=[row.pk for row in rows]).move(
        S.QUEUED, S.SENDING, call=call, attempts=F("attempts") + 1
    )
    _touch(wish)
    return Claim(call, token, order=_order(wish, tuple(row.target for row in rows)))


def _claim_page(sync: InventorySync, at: datetime, lane: Lane, token: str) -> Claim:
    call = budget.open_call(at, lane, sync.stage, device_count=inventory.PAGE)
    sync.calls += 1
    sync.due_at = call.lease_until
    sync.save()
    return Claim(call, token, sync=sync)


def _order(wish: ActionRequest, targets: tuple[str, ...]) -> ActionOrder:
    return ActionOrder(
        kind=wish.kind_name,
        addressing="macs" if wish.addressing == "macs" else "ids",
        targets=targets,
        exempt_hours=wish.params.get("exempt_time"),
        group_id=wish.params.get("group_id"),
    )


def _touch(wish: ActionRequest) -> None:
    ActionRequest.objects.filter(pk=wish.pk).update(version=F("version") + 1)
    notify.changed(f"request:{wish.uuid}", wish.version + 1)


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
        )
    )


@sensitive_variables("token")
def _call_vendor(taken: Claim) -> Answer[Any]:
    """Make the call that the claim stands for; raises VendorError."""
    client, slot = vendor_client(), Slot(taken.call.pk)
    if taken.call.api == "token":
        return client.fetch_token(slot)
    try:
        token = tokens.reveal(taken.sealed_token)
        if taken.order:
            return client.device_action(slot, token, taken.order)
        if taken.sync and taken.call.api == InventorySync.Stage.GROUPS:
            return client.list_groups(slot, token, taken.sync.page, inventory.PAGE)
        cursor = taken.sync.cursor or None if taken.sync else None
        return client.list_devices(slot, token, cursor, inventory.PAGE)
    except (TypeError, ValueError) as error:
        # The client refuses to make a malformed call: nothing was sent, and never will be.
        raise Rejected(f"The call was not made: {error}") from None


def send(taken: Claim) -> None:
    """Make the claimed call with no transaction open, and record how it ended."""
    try:
        answer = _call_vendor(taken)
    except VendorError as error:
        record_error(taken.call, taken.sync, taken.sealed_token, error)
    else:
        record_answer(taken.call, taken.sync, answer)


def step() -> float | None:
    """Do one thing: 0.0 after a call, the seconds to rest if none may go, None without work."""
    taken = claim()
    if taken is None:
        return None
    if isinstance(taken, Rest):
        return taken.seconds
    if _more_is_possible():
        notify.hint_work()  # Another pump goes on while this one waits for a slow answer.
    send(taken)
    return 0.0


def _more_is_possible() -> bool:
    at = budget.clock()
    ledger = budget.read_ledger(at)
    if ledger.open_calls >= settings.ENGINE_IN_FLIGHT:
        return False
    found = _next_work(at)
    return found is not None and ledger.wait_for(found[0]) <= 0


def pump(
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
    end = time.monotonic() + (settings.ENGINE_PUMP_SECONDS if seconds is None else seconds)
    calls = 0
    name = budget.worker_name()
    while (left := end - time.monotonic()) > 0 and not leave():
        rest = step()
        if rest == 0.0:
            calls += 1
            continue
        if rest is None or rest > settings.ENGINE_NAP_SECONDS:
            break
        if not alone and _another_naps(name):
            break
        _beat(name, waiting=True)
        time.sleep(min(rest, left, 1.0))
    _beat(name, waiting=False)
    return calls


def _beat(name: str, *, waiting: bool) -> None:
    PumpHeartbeat.objects.update_or_create(
        name=name, defaults={"beat_at": budget.clock(), "waiting": waiting}
    )


def _another_naps(name: str) -> bool:
    fresh = budget.clock() - timedelta(seconds=3)
    others = PumpHeartbeat.objects.exclude(name=name)
    return others.filter(waiting=True, beat_at__gt=fresh).exists()
