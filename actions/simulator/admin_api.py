"""The simulator's own endpoints under /_simulator/, for tests that run in another process.

GET log (?since=n), GET applied, GET, POST and DELETE faults, POST tokens/expire, GET devices/<id>.
Each needs the header "Authorization: Bearer <client secret>", which no web page that a browser on
this machine shows can send. All return JSON. These calls do not count towards the rate limit and
do not appear in the log.
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import asdict

from actions.simulator.checks import Call, Json, Refusal
from actions.simulator.faults import make_fault
from actions.simulator.handler import CallHandler

PREFIX = "/_simulator/"
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]+)?", re.ASCII | re.IGNORECASE)


def handle_admin_call(handler: CallHandler, call: Call, host: str) -> object:
    """Answer an admin call; raises Refusal with 400, 401, 404 or 405.

    `host` is the header of that name: another host in it comes from a page that has made its own
    name resolve to this machine.
    """
    wanted = f"Bearer {handler.account.client_secret}".encode()
    given = call.authorization.encode(errors="surrogateescape")
    if not hmac.compare_digest(given, wanted) or not _OWN_HOST.fullmatch(host):
        raise Refusal(401, "control calls need the header Authorization: Bearer <client secret>")
    name, _, rest = call.path.removeprefix(PREFIX).partition("/")
    if name == "devices" and call.method == "GET":
        return _device(handler, rest)
    handlers = _HANDLERS.get(call.path.removeprefix(PREFIX))
    if handlers is None:
        raise Refusal(404, "not found")
    if call.method not in handlers:
        raise Refusal(405, "method not allowed")
    return handlers[call.method](handler, call)


def _device(handler: CallHandler, device_id: str) -> Json:
    device = handler.account.devices.get(device_id)
    if device is None:
        raise Refusal(404, "no such device")
    return asdict(device)


def _log(handler: CallHandler, call: Call) -> object:
    since = call.query.get("since", "0")
    if not since.isdecimal():
        raise Refusal(400, "since must be a whole number")
    return {"received": [entry.as_json() for entry in handler.received[int(since) :]]}


def _applied(handler: CallHandler, call: Call) -> object:
    with handler.account.lock:
        counted = list(handler.account.applied.items())
    return [{"kind": kind, "device_id": one, "times": times} for (kind, one), times in counted]


def _pending_faults(handler: CallHandler, call: Call) -> object:
    return [asdict(fault) for fault in handler.faults.pending()]


def _add_fault(handler: CallHandler, call: Call) -> object:
    try:
        fault = make_fault(**json.loads(call.raw or b""))
    except (ValueError, TypeError) as problem:
        raise Refusal(400, str(problem)) from problem
    handler.faults.add(fault)
    return asdict(fault)


def _clear_faults(handler: CallHandler, call: Call) -> object:
    handler.faults.clear()
    return []


def _expire_tokens(handler: CallHandler, call: Call) -> object:
    handler.account.expire_tokens()
    return {}


_HANDLERS: dict[str, dict[str, Callable[[CallHandler, Call], object]]] = {
    "log": {"GET": _log},
    "applied": {"GET": _applied},
    "faults": {"GET": _pending_faults, "POST": _add_fault, "DELETE": _clear_faults},
    "tokens/expire": {"POST": _expire_tokens},
}
