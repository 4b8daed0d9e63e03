"""POST /o/api/{v3,v3.1,v3.2,v3.3}/devices/action: checks, effects, and a row for each device.

`Assumptions` decides the undocumented answers. An action takes effect only if the device's row has
the accepted status. The account counts each effect, so tests can check how often it happened.
"""

import time
from dataclasses import dataclass
from typing import Literal

from actions.simulator.account import Account
from actions.simulator.checks import (
    Answer,
    Call,
    Json,
    Refusal,
    integer,
    json_object,
    string,
    strings,
)
from actions.simulator.fleet import SimDevice
from actions.simulator.rules import (
    AGENT_KINDS,
    COMMAND_KINDS,
    KINDS_BY_VERSION,
    Version,
    is_supported,
    is_unreachable,
)

EXEMPT_HOURS_END = 65000  # "Value should be less than 65000"


@dataclass(frozen=True, slots=True)
class ActionCall:
    """A validated request body: one kind of action for some devices."""

    kind: str
    version: Version
    by_mac: bool
    targets: tuple[str, ...]
    exempt_hours: int
    group_id: str


@dataclass(slots=True)
class Outcome:
    """The result for one device."""

    status: int
    command_id: str = ""
    device_id: str = ""
    applied: bool = False


def device_action(account: Account, call: Call) -> Answer:
    """Apply one action to many devices; raises Refusal if the call as a whole is refused."""
    action = parse_action(call, account.assumptions.max_action_ids)
    with account.lock:
        _check_call(account, action)
        # Resolve all targets first: applying the action may delete some of the devices.
        found = [(target, _find(account, action, target)) for target in _targets(account, action)]
        outcomes: dict[str, Outcome] = {}  # by device: a duplicate id is applied once
        rows = []
        for target, device in found:
            outcome = _outcome(account, action, device, outcomes)
            if outcome is not None:
                rows.append(_row(account, action, target, outcome))
        if account.assumptions.row_order == "by_id":
            rows.sort(key=lambda row: str(row["id"]))
        applied = tuple(o.device_id for o in outcomes.values() if o.applied)
        account.applied.update((action.kind, device_id) for device_id in applied)
    return Answer(rows, applied=applied)


def parse_action(call: Call, max_ids: int | None) -> ActionCall:
    """Validate the body for the API version called; raises Refusal with 400 or 415."""
    body = json_object(call)
    kind = string(body.get("types"), "types")
    if kind not in KINDS_BY_VERSION[call.version]:
        raise Refusal(400, "types is not an action of this version")
    if ("ids" in body) == ("macs" in body):
        raise Refusal(400, "the body must have ids or macs, but not both")
    by_mac = "macs" in body
    targets = strings(body["macs"], "macs") if by_mac else strings(body["ids"], "ids")
    if max_ids is not None and len(targets) > max_ids:
        raise Refusal(400, f"more than {max_ids} devices in one call")
    params = body.get("params", {})
    if not isinstance(params, dict):
        raise Refusal(400, "params must be an object")
    hours = integer(params.get("exempt_time", 0), "exempt_time", 0, EXEMPT_HOURS_END - 1)
    group_id = string(params.get("group_id", "default"), "group_id")
    if kind == "scan_threats":
        _check_scan(params)
    return ActionCall(kind, call.version, by_mac, targets, hours, group_id)


def _check_scan(params: Json) -> None:
    """Validate the documented parameters of a scan; how they combine is unknown (U17)."""
    integer(params.get("full_scan", 0), "full_scan", 0, 1)
    scan_types = params.get("scan_types", [])
    if not isinstance(scan_types, list):
        raise Refusal(400, "scan_types must be a list")
    for entry in scan_types:
        integer(entry, "each of scan_types", 0, 5)


def _check_call(account: Account, action: ActionCall) -> None:
    if any(target in account.refused_ids for target in action.targets):
        raise Refusal(400, "input values are invalid")
    unknown = action.kind == "assign_to_group" and action.group_id not in account.groups
    if unknown and account.assumptions.unknown_group == "400":
        raise Refusal(400, "the group does not exist")


def _targets(account: Account, action: ActionCall) -> tuple[str, ...]:
    if account.assumptions.doubled_ids == "merged":
        return tuple(dict.fromkeys(action.targets))
    return action.targets


def _find(account: Account, action: ActionCall, target: str) -> SimDevice | None:
    return account.device_by_mac(target) if action.by_mac else account.devices.get(target)


def _outcome(
    account: Account, action: ActionCall, device: SimDevice | None, outcomes: dict[str, Outcome]
) -> Outcome | None:
    """Return the result for one target, or None to leave it out of the answer."""
    if device is None:
        dropped = account.assumptions.unknown_ids == "dropped"
        return None if dropped else Outcome(account.assumptions.failed_status)
    if device.device_id not in outcomes:
        outcomes[device.device_id] = _apply_once(account, action, device)
    return outcomes[device.device_id]


def _apply_once(account: Account, action: ActionCall, device: SimDevice) -> Outcome:
    assumed, now = account.assumptions, time.time()
    account.expire_exemption(device, now)
    if device.forced_status is not None and device.forced_status != assumed.accepted_status:
        return Outcome(device.forced_status)
    reason = _refusal_reason(account, action, device, now)
    if reason is not None:
        failed = reason == "failed"
        return Outcome(assumed.failed_status if failed else assumed.not_supported_status)
    command_id = _apply(account, action, device, now)
    return Outcome(assumed.accepted_status, command_id, device.device_id, applied=True)


def _refusal_reason(
    account: Account, action: ActionCall, device: SimDevice, now: float
) -> Literal["not_supported", "failed"] | None:
    """Return why the device refuses the action, or None if it accepts it."""
    assumed, kind = account.assumptions, action.kind
    if not is_supported(kind, device, action.version):
        return "not_supported"
    if is_unreachable(kind, device, now, assumed.failed_after_days):
        return "failed"
    if kind == "assign_to_group" and action.group_id not in account.groups:
        return "failed"
    exempted = device.status == "exempted"
    if kind == "exempt" and exempted and assumed.exempt_again == "not_supported":
        return "not_supported"
    if kind == "unexempt" and not exempted and assumed.unexempt_normal != "accepted":
        return assumed.unexempt_normal
    return None


def _apply(account: Account, action: ActionCall, device: SimDevice, now: float) -> str:
    """Change the device and return the command_id, which is empty for most kinds."""
    kind = action.kind
    if kind not in AGENT_KINDS:
        device.changed_at = now
    if kind == "exempt":
        _exempt(account, action, device, now)
    elif kind == "unexempt":
        if device.status == "exempted":
            device.status, device.exempted_until = device.status_before, None
    elif kind in {"ignore", "unignore"}:
        device.status = "ignored" if kind == "ignore" else "unknown"
    elif kind == "delete":
        account.remove_device(device.device_id)
    elif kind == "assign_to_group":
        device.group_id = action.group_id
    else:
        return _send_to_agent(account, kind, device)
    return ""


def _exempt(account: Account, action: ActionCall, device: SimDevice, now: float) -> None:
    if device.status == "exempted":
        if account.assumptions.exempt_again == "keep":
            return
    else:
        device.status_before, device.status = device.status, "exempted"
    seconds = action.exempt_hours * account.assumptions.hour_seconds
    device.exempted_until = now + seconds if action.exempt_hours else None


def _send_to_agent(account: Account, kind: str, device: SimDevice) -> str:
    if kind == "dhcprenew":
        device.dhcp_renewals += 1
    elif kind == "re-identify":
        device.reidentifications += 1
    elif kind == "fetch_agent_log":
        device.logs_fetched += 1
    else:
        device.scans += 1
    return account.new_command(kind, device).command_id if kind in COMMAND_KINDS else ""


def _row(account: Account, action: ActionCall, target: str, outcome: Outcome) -> Json:
    echo = account.assumptions.id_echo
    echoed = {"as_sent": target, "upper": target.upper(), "lower": target.lower()}[echo]
    row: Json = {"id": echoed, "status": outcome.status}
    if action.version >= (3, 1):  # Version 3.0 has no command_id.
        row["command_id"] = outcome.command_id
    return row
