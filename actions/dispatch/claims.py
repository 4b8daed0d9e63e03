"""Claim a slot of the minute together with the work that will use it, in one transaction.

Whose turn it is stands in services/turns.py; here the call is filled: commands of other requests
that ask the same ride along.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from actions.action_requests import outcomes, readback
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.agent_logs import fetch
from actions.agent_logs.models import AgentLog
from actions.dispatch import token_store
from actions.dispatch.scheduler import Candidate, due_commands, next_candidate
from actions.inventory import refresh
from actions.inventory import sync as inventory
from actions.inventory.models import DeviceRefresh, InventorySync
from actions.opswat.payloads import ActionCall
from actions.ratelimit import clock, limiter, window
from actions.ratelimit.ledger import Ledger
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane

S = CommandStatus

CHECK_AGAIN_SECONDS = 0.2
"""Seconds after which a pump looks whether a call that is on its way has come back."""

Commands = list[DeviceCommand]


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot of the minute with the work that will use it."""

    call: VendorCall
    encrypted_token: str = field(default="", repr=False)
    order: ActionCall | None = None
    sync: InventorySync | None = None
    looks: refresh.DetailRead | None = None
    log: AgentLog | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent for so many seconds, although there may be work."""

    seconds: float


@transaction.atomic(durable=True)
def claim() -> Claim | Wait | None:
    """Take a slot and the work that goes next; Rest if none is free yet, None without work."""
    account = limiter.lock_account()
    at = clock.now()
    if clock.has_jumped(at, account):
        clock_was_set(account, at)
    if account.frozen:
        return None
    release_held(at)
    ledger = limiter.read_ledger(at)
    found = next_candidate(ledger, _line_wait(account, ledger))
    if isinstance(found, Candidate):
        return _take(found, account, at)
    return Wait(found) if found else None


def clock_was_set(account: VendorAccount, at: datetime) -> None:
    """Make good what was written by a clock that has been set since: nothing waits for it."""
    limiter.clock_was_set(account, at)
    soon = at + window.lease()
    DeviceCommand.objects.filter(status=S.QUEUED, due_at__gt=at).update(due_at=at)
    InventorySync.objects.filter(running=True, due_at__gt=soon).update(due_at=soon)
    DeviceRefresh.objects.filter(due_at__gt=soon).update(due_at=soon)
    last = at + readback.max_interval()
    DeviceCommand.objects.filter(check_at__gt=last).update(check_at=last)
    latest = at + max(window.lease(), fetch.max_interval())
    AgentLog.objects.filter(open=True, due_at__gt=latest).update(due_at=latest)


def release_held(at: datetime) -> None:
    """Queue the held commands whose time has come."""
    due = DeviceCommand.objects.filter(status=S.HELD, due_at__lte=at)
    if due.exists():
        outcomes.queue_held(due)


def _line_wait(account: VendorAccount, ledger: Ledger) -> float:
    """Seconds for which the vendor's account as a whole must wait."""
    if account.open_until and account.open_until > ledger.at:
        return (account.open_until - ledger.at).total_seconds()
    if ledger.open_calls >= (1 if account.half_open else settings.ENGINE_IN_FLIGHT):
        return CHECK_AGAIN_SECONDS
    return 0.0


def _take(offer: Candidate, account: VendorAccount, at: datetime) -> Claim | Wait:
    encrypted_token = token_store.current(account, at)
    if encrypted_token is None:
        out = VendorCall.objects.filter(api="token", state=CallState.SENDING, lease_until__gt=at)
        if out.exists():
            return Wait(CHECK_AGAIN_SECONDS)
        return Claim(limiter.open_call(at, offer.lane, "token"))
    if isinstance(offer.work, InventorySync):
        return _take_page(offer.work, at, offer.lane, encrypted_token)
    if isinstance(offer.work, refresh.DetailRead):
        call = readback.claim(offer.work, at, offer.lane)
        refresh.claim(offer.work, call)
        return Claim(call, encrypted_token, looks=offer.work)
    if isinstance(offer.work, AgentLog):
        return Claim(fetch.claim(offer.work, at, offer.lane), encrypted_token, log=offer.work)
    return _take_commands(offer.work, at, offer.lane, encrypted_token)


def _take_page(sync: InventorySync, at: datetime, lane: Lane, encrypted_token: str) -> Claim:
    call = limiter.open_call(at, lane, sync.stage, device_count=inventory.PAGE)
    sync.calls += 1
    sync.due_at = call.lease_until
    sync.save()
    return Claim(call, encrypted_token, sync=sync)


def _take_commands(lead: DeviceCommand, at: datetime, lane: Lane, encrypted_token: str) -> Claim:
    """Fill a call: first the lead's request's rows, then those of others that ask the same."""
    size = settings.OPSWAT_MAX_DEVICES
    rows = due_commands(at).filter(coalesce_key=lead.coalesce_key, split_group=lead.split_group)
    rows = rows.select_for_update(of=("self",))
    own = list(rows.filter(request=lead.request_id).order_by("id")[:size])
    likes: Commands = []
    if not lead.split_group and len(own) < size:
        others = rows.exclude(request=lead.request_id).order_by("lane", "request_id", "id")
        likes = list(others[: size - len(own)])
    carried = own + likes
    duplicates = [] if lead.split_group else _duplicates_of(carried, at)
    call = limiter.open_call(
        at,
        lane,
        "action",
        kind_name=lead.request.kind_name,
        params=lead.request.params,
        addressing=lead.request.addressing,
        coalesce_key=lead.coalesce_key,
        device_count=len(carried),
        lead_request_id=lead.request_id,
    )
    _mark_sent(call, carried, coalesced=False)
    _mark_sent(call, duplicates, coalesced=True)
    wishes = {row.request_id for row in carried + duplicates}
    call.action_requests.add(*wishes)
    outcomes.bump_version(wishes)
    return Claim(call, encrypted_token, order=_order(lead, tuple(row.target for row in carried)))


def _duplicates_of(carried: Commands, at: datetime) -> Commands:
    """Commands that ask the same of a device that is named already: it rides once for all.

    Only those that stand directly behind the carried one: what comes between keeps its place.
    """
    lead_of = {row.device_key: row for row in carried}
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    waiting = DeviceCommand.objects.filter(alive, device_key__in=lead_of, status=S.QUEUED).order_by(
        "id"
    )
    duplicates: Commands = []
    closed: set[str] = set()
    for row in waiting.select_for_update(of=("self",)):
        lead = lead_of[row.device_key]
        if row.pk <= lead.pk or row.device_key in closed:
            continue
        alike = row.coalesce_key == lead.coalesce_key and row.target == lead.target
        if alike and not row.split_group:
            duplicates.append(row)
        else:
            closed.add(row.device_key)
    return duplicates


def _mark_sent(call: VendorCall, rows: Commands, *, coalesced: bool) -> None:
    if rows:
        DeviceCommand.objects.filter(pk__in=[row.pk for row in rows]).move(
            S.QUEUED, S.SENDING, call=call, coalesced=coalesced, attempts=F("attempts") + 1
        )


def _order(lead: DeviceCommand, targets: tuple[str, ...]) -> ActionCall:
    wish = lead.request
    return ActionCall(
        kind=wish.kind_name,
        addressing="macs" if wish.addressing == "macs" else "ids",
        targets=targets,
        exempt_hours=wish.params.get("exempt_time"),
        group_id=wish.params.get("group_id"),
    )
