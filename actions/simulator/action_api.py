"""POST /o/api/{v3,v3.1,v3.2,v3.3}/devices/action: checks, effects, and a row for each device.

The doubtful answers are those of Assumptions. Nothing is applied unless a device's status says so,
and the account counts what was applied: that count judges the client.
"""

import time
from dataclasses import dataclass
from typing import Literal

from actions.simulator.account import Account
from actions.simulator.checks import Answer, Call, Json, Refusal, json_object, text, texts, whole
from actions.simulator.fleet import SimDevice
from actions.simulator.rules import (
    AGENT_KINDS,
    COMMAND_KINDS,
    KINDS_BY_VERSION,
    Version,
    is_out_of_reach,
    is_supported,
)

EXEMPT_HOURS_END = 65000  # "Value should be less than 65000"


@dataclass(frozen=True, slots=True)
class Order:
    """A checked body: one kind of action for some devices."""

    kind: str
    version: Version
    by_mac: bool
    targets: tuple[str, ...]
    exempt_hours: int
    group_id: str


@dataclass(slots=True)
class Outcome:
    """What becomes of one device."""

    status: int
    command_id: str = ""
    device_id: str = ""
    applied: bool = False


def device_action(account: Account, call: Call) -> Answer:
    """Do one action on many devices; raises Refusal for the whole call."""
    order = read_order(call, account.assumptions.max_action_ids)
    with account.lock:
        _refuse_as_a_whole(account, order)
        # All devices are found before anything is done: this call may delete some of them.
        found = [(target, _find(account, order, target)) for target in _targets(account, order)]
        outcomes: dict[str, Outcome] = {}  # by device, so that a doubled id is applied once
        rows = []
        for target, device in found:
            outcome = _outcome(account, order, device, outcomes)
            if outcome is not None:
                rows.append(_row(account, order, target, outcome))
        if account.assumptions.row_order == "by_id":
            rows.sort(key=lambda row: str(row["id"]))
        applied = tuple(o.device_id for o in outcomes.values() if o.applied)
        account.applied.update((order.kind, device_id) for device_id in applied)
    return Answer(rows, applied=applied)


def read_order(call: Call, max_ids: int | None) -> Order:
    """Check the body against the page of the version called; raises Refusal with 400 or 415."""
    body = json_object(call)
    kind = text(body.get("types"), "types")
    if kind not in KINDS_BY_VERSION[call.version]:
        raise Refusal(400, "types is not an action of this version")
    if ("ids" in body) == ("macs" in body):
        raise Refusal(400, "the body must have ids or macs, but not both")
    by_mac = "macs" in body
    targets = texts(body["macs"], "macs") if by_mac else texts(body["ids"], "ids")
    if max_ids is not None and len(targets) > max_ids:
        raise Refusal(400, f"more than {max_ids} devices in one call")
    params = body.get("params", {})
    if not isinstance(params, dict):
        raise Refusal(400, "params must be an object")
    hours = whole(params.get("exempt_time", 0), "exempt_time", 0, EXEMPT_HOURS_END - 1)
    group_id = text(params.get("group_id", "default"), "group_id")
    if kind == "scan_threats":
        _check_scan(params)
    return Order(kind, call.version, by_mac, targets, hours, group_id)


def _check_scan(params: Json) -> None:
    """Check what is known of a scan's parameters; how they combine is not (U17)."""
    whole(params.get("full_scan", 0), "full_scan", 0, 1)
    scan_types = params.get("scan_types", [])
    if not isinstance(scan_types, list):
        raise Refusal(400, "scan_types must be a list")
    for entry in scan_types:
        whole(entry, "each of scan_types", 0, 5)


def _refuse_as_a_whole(account: Account, order: Order) -> None:
    if any(target in account.refused_ids for target in order.targets):
        raise Refusal(400, "input values are invalid")
    unknown = order.kind == "assign_to_group" and order.group_id not in account.groups
    if unknown and account.assumptions.unknown_group == "400":
        raise Refusal(400, "the group does not exist")


def _targets(account: Account, order: Order) -> tuple[str, ...]:
    if account.assumptions.doubled_ids == "merged":
        return tuple(dict.fromkeys(order.targets))
    return order.targets


def _find(account: Account, order: Order, target: str) -> SimDevice | None:
    return account.device_by_mac(target) if order.by_mac else account.devices.get(target)


def _outcome(
    account: Account, order: Order, device: SimDevice | None, outcomes: dict[str, Outcome]
) -> Outcome | None:
    """Decide and apply for one target; None means that the answer will not mention it."""
    if device is None:
        dropped = account.assumptions.unknown_ids == "dropped"
        return None if dropped else Outcome(account.assumptions.failed_status)
    if device.device_id not in outcomes:
        outcomes[device.device_id] = _act(account, order, device)
    return outcomes[device.device_id]


def _act(account: Account, order: Order, device: SimDevice) -> Outcome:
    guess, now = account.assumptions, time.time()
    account.end_exemption_when_due(device, now)
    if device.forced_status is not None and device.forced_status != guess.accepted_status:
        return Outcome(device.forced_status)
    refused = _why_not(account, order, device, now)
    if refused is not None:
        failed = refused == "failed"
        return Outcome(guess.failed_status if failed else guess.not_supported_status)
    command_id = _apply(account, order, device, now)
    return Outcome(guess.accepted_status, command_id, device.device_id, applied=True)


def _why_not(
    account: Account, order: Order, device: SimDevice, now: float
) -> Literal["not_supported", "failed"] | None:
    """Say how the device refuses, None if it does not."""
    guess, kind = account.assumptions, order.kind
    if not is_supported(kind, device, order.version):
        return "not_supported"
    if is_out_of_reach(kind, device, now, guess.failed_after_days):
        return "failed"
    if kind == "assign_to_group" and order.group_id not in account.groups:
        return "failed"
    exempted = device.status == "exempted"
    if kind == "exempt" and exempted and guess.exempt_again == "not_supported":
        return "not_supported"
    if kind == "unexempt" and not exempted and guess.unexempt_normal != "accepted":
        return guess.unexempt_normal
    return None


def _apply(account: Account, order: Order, device: SimDevice, now: float) -> str:
    """Change the device as the action says; returns the command_id, empty for most kinds."""
    kind = order.kind
    if kind not in AGENT_KINDS:
        device.changed_at = now
    if kind == "exempt":
        _exempt(account, order, device, now)
    elif kind == "unexempt":
        if device.status == "exempted":
            device.status, device.exempted_until = device.status_before, None
    elif kind in {"ignore", "unignore"}:
        device.status = "ignored" if kind == "ignore" else "unknown"
    elif kind == "delete":
        account.remove_device(device.device_id)
    elif kind == "assign_to_group":
        device.group_id = order.group_id
    else:
        return _ask_agent(account, kind, device)
    return ""


def _exempt(account: Account, order: Order, device: SimDevice, now: float) -> None:
    if device.status == "exempted":
        if account.assumptions.exempt_again == "keep":
            return
    else:
        device.status_before, device.status = device.status, "exempted"
    seconds = order.exempt_hours * account.assumptions.hour_seconds
    device.exempted_until = now + seconds if order.exempt_hours else None


def _ask_agent(account: Account, kind: str, device: SimDevice) -> str:
    if kind == "dhcprenew":
        device.dhcp_renewals += 1
    elif kind == "re-identify":
        device.reidentifications += 1
    elif kind == "fetch_agent_log":
        device.logs_fetched += 1
    else:
        device.scans += 1
    return account.new_command(kind, device).command_id if kind in COMMAND_KINDS else ""


def _row(account: Account, order: Order, target: str, outcome: Outcome) -> Json:
    echo = account.assumptions.id_echo
    shown = {"as_sent": target, "upper": target.upper(), "lower": target.lower()}[echo]
    row: Json = {"id": shown, "status": outcome.status}
    if order.version >= (3, 1):  # The 3.0 page does not know command_id.
        row["command_id"] = outcome.command_id
    return row
