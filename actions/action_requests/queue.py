"""The queue of commands: which go next, which linger so that a call fills, and how a call fills."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from actions.action_requests import recording
from actions.action_requests.models import DeviceCommand, DeviceCommandQuerySet
from actions.action_requests.states import CommandStatus
from actions.opswat.payloads import ActionCall
from actions.ratelimit import accounts, call_size, limiter, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane

S = CommandStatus

LINGER_CROWD = 15
"""From so many waiting urgent commands of one coalesce key on, they linger longer to fill calls."""

TAKEN_ALONG = 100
"""Urgent commands whose older ones one claim moves to their lane; the next claim goes on."""

Commands = list[DeviceCommand]


def due_commands(at: datetime) -> DeviceCommandQuerySet:
    """Return the queued commands that may go now.

    None goes before an older one for the same device, or while a call with that device is in
    flight: an older one that was held may come back while a younger one is in its call. One whose
    call was refused by a gateway waits until `due_at`.
    """
    same = DeviceCommand.objects.filter(device_key=OuterRef("device_key"))
    older = same.filter(id__lt=OuterRef("id"), status=S.QUEUED)
    in_a_call = same.filter(status=S.SENDING, coalesced=False)
    alive = Q(expires_at=None) | Q(expires_at__gt=at)
    # The time of a submit is that of another clock, so it is not compared. A pause lasts a window
    # at most: a later time was written by a clock that has been set back since.
    due = Q(attempts=0) | Q(due_at__lte=at) | Q(due_at__gt=at + window.length())
    return DeviceCommand.objects.filter(
        alive, due, ~Exists(older), ~Exists(in_a_call), status=S.QUEUED
    )


def next_command(lane: Lane, at: datetime, lingering: Collection[str] = ()) -> DeviceCommand | None:
    """Return the command that goes next in a lane: requests take turns, call by call."""
    if not DeviceCommand.objects.filter(lane=lane, status=S.QUEUED).exists():
        return None
    if lane == Lane.URGENT:
        _take_along()
    rows = due_commands(at).filter(lane=lane).order_by("request_id", "id")
    if lingering:
        rows = rows.exclude(coalesce_key__in=lingering)
    calls = VendorCall.objects.filter(lane=lane, lead_request_id__isnull=False)
    last = calls.order_by("-id").first()
    turn: DeviceCommand | None = None
    if last:
        turn = rows.filter(request_id__gt=last.lead_request_id).first()
    return turn or rows.first()


def _take_along() -> None:
    """Put older commands into the urgent lane if a younger one of their device waits there.

    The order for one device stays; otherwise the urgent command would wait as long as the lowest
    lane of an older one. A command whose call failed may come back at any time, so this is done
    with each claim and not once with the submit.
    """
    same = DeviceCommand.objects.filter(device_key=OuterRef("device_key"), status=S.QUEUED)
    older = same.filter(id__lt=OuterRef("id"), lane__gt=Lane.URGENT)
    urgent = DeviceCommand.objects.filter(Exists(older), lane=Lane.URGENT, status=S.QUEUED)
    keys = list(urgent.values_list("device_key", flat=True)[:TAKEN_ALONG])
    if keys:
        younger = same.filter(id__gt=OuterRef("id"), lane=Lane.URGENT)
        behind = DeviceCommand.objects.filter(Exists(younger), device_key__in=keys)
        behind.filter(status=S.QUEUED, lane__gt=Lane.URGENT).update(lane=Lane.URGENT)


def lingering_keys(at: datetime) -> dict[str, float]:
    """Return the coalesce keys whose urgent commands wait so that a call fills, with seconds left.

    The first command of a key goes at once. Those that follow shortly linger for at most
    ENGINE_URGENT_WAIT seconds, LINGER_CROWD of them for a third of the window, or until a call is
    full: two hundred people who ask the same in one minute cost five calls, not a whole minute.
    """
    longest = max(settings.ENGINE_URGENT_WAIT, window.length().total_seconds() / 3)
    lately = limiter.calls_within(timedelta(seconds=longest), at).filter(
        Q(state=CallState.SENDING) | Q(state=CallState.ANSWERED, http_status=200), api="action"
    )
    # By time and not by lane: SQLite would go through all urgent calls that ever were.
    last = {
        coalesce_key: claimed_at
        for coalesce_key, claimed_at, lane in lately.values_list(
            "coalesce_key", "claimed_at", "lane"
        )
        if lane == Lane.URGENT
    }
    left = {}
    full = call_size.allowed(accounts.read()) if last else 0
    for coalesce_key, claimed_at in last.items():
        rows = DeviceCommand.objects.filter(coalesce_key=coalesce_key, status=S.QUEUED)
        waiting = len(rows.values_list("pk")[:full])
        patience = longest if waiting >= LINGER_CROWD else settings.ENGINE_URGENT_WAIT
        wait = patience - (at - claimed_at).total_seconds()
        left[coalesce_key] = wait if 0 < waiting < full else 0.0
    return {coalesce_key: wait for coalesce_key, wait in left.items() if wait > 0}


def claim_commands(lead: DeviceCommand, lane: Lane, at: datetime) -> tuple[VendorCall, ActionCall]:
    """Fill a call: first with the lead's request, then with others of the same coalesce key."""
    account = accounts.read()
    size = call_size.to_claim(account, at)
    rows = due_commands(at).filter(coalesce_key=lead.coalesce_key, split_group=lead.split_group)
    rows = rows.select_for_update(of=("self",))
    # By lane first: commands that a younger urgent one took along go before their like.
    mine = rows.filter(request=lead.request_id).order_by("lane", "id")
    carried: Commands = list(mine[:size])
    if not lead.split_group and len(carried) < size:
        others = rows.exclude(request=lead.request_id).order_by("lane", "request_id", "id")
        carried += others[: size - len(carried)]
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
        split_of=lead.split_group // 2 or None,
    )
    call_size.note_claimed(account, len(carried), at)
    _mark_sent(call, carried, coalesced=False)
    _mark_sent(call, duplicates, coalesced=True)
    requests = {row.request_id for row in carried + duplicates}
    call.action_requests.add(*requests)
    recording.bump_version(requests)
    return call, _action_call(lead, tuple(row.target for row in carried))


def _duplicates_of(carried: Commands, at: datetime) -> Commands:
    """Return further commands for a target that is already in the call; they share its result.

    Only those directly behind the carried one: what stands between keeps its place in the order.
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


def _action_call(lead: DeviceCommand, targets: tuple[str, ...]) -> ActionCall:
    action_request = lead.request
    return ActionCall(
        kind=action_request.kind_name,
        addressing="macs" if action_request.addressing == "macs" else "ids",
        targets=targets,
        exempt_hours=action_request.params.get("exempt_time"),
        group_id=action_request.params.get("group_id"),
    )
