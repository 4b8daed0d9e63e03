"""The simulator's own endpoints for other processes, beside the vendor's and never under /o/.

GET log (?since=n), GET applied, GET, POST and DELETE faults, POST tokens/expire, GET devices/<id>.
All speak JSON; none counts in the limit, and none is in the log of calls.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

from actions.simulator.checks import Call, Json, Refusal
from actions.simulator.faults import make_fault
from actions.simulator.handler import Core

PREFIX = "/_simulator/"


def control(core: Core, call: Call) -> object:
    """Answer a control call; raises Refusal with 400, 404 or 405."""
    name, _, rest = call.path.removeprefix(PREFIX).partition("/")
    if name == "devices" and call.method == "GET":
        return _device(core, rest)
    handlers = _HANDLERS.get(call.path.removeprefix(PREFIX))
    if handlers is None:
        raise Refusal(404, "not found")
    if call.method not in handlers:
        raise Refusal(405, "method not allowed")
    return handlers[call.method](core, call)


def _device(core: Core, device_id: str) -> Json:
    device = core.account.devices.get(device_id)
    if device is None:
        raise Refusal(404, "no such device")
    return asdict(device)


def _log(core: Core, call: Call) -> object:
    since = call.query.get("since", "0")
    if not since.isdecimal():
        raise Refusal(400, "since must be a whole number")
    return {"received": [entry.as_json() for entry in core.received[int(since) :]]}


def _applied(core: Core, call: Call) -> object:
    with core.account.lock:
        counted = list(core.account.applied.items())
    return [{"kind": kind, "device_id": one, "times": times} for (kind, one), times in counted]


def _pending(core: Core, call: Call) -> object:
    return [asdict(fault) for fault in core.faults.pending()]


def _order_fault(core: Core, call: Call) -> object:
    try:
        fault = make_fault(**json.loads(call.raw or b""))
    except (ValueError, TypeError) as problem:
        raise Refusal(400, str(problem)) from problem
    core.faults.add(fault)
    return asdict(fault)


def _clear_faults(core: Core, call: Call) -> object:
    core.faults.clear()
    return []


def _expire_tokens(core: Core, call: Call) -> object:
    core.account.expire_tokens()
    return {}


_HANDLERS: dict[str, dict[str, Callable[[Core, Call], object]]] = {
    "log": {"GET": _log},
    "applied": {"GET": _applied},
    "faults": {"GET": _pending, "POST": _order_fault, "DELETE": _clear_faults},
    "tokens/expire": {"POST": _expire_tokens},
}
