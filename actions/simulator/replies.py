"""HTTP replies: from answers and refusals, and the changes that a fault makes to them."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Literal

from actions.simulator.checks import Answer, Refusal
from actions.simulator.faults import Fault

JSON_TYPE = "application/json;charset=UTF-8"
HTML_PAGE = (
    b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Gateway</body></html>"
)


@dataclass(slots=True)
class Reply:
    """What the server sends, and how (`mode`); `delay` and `pause` are seconds."""

    code: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    mode: Literal["whole", "half", "drip", "padded", "none"] = "whole"
    delay: float = 0.0
    pause: float = 0.0
    size: int = 1  # bytes per chunk for "drip", in total for "padded"
    announced: bool = True  # whether Content-Length is sent
    from_gateway: bool = False  # then it has no rate headers


def make_reply(answer: Answer) -> Reply:
    """Serialize an API's answer as JSON; bytes stay unchanged."""
    payload = answer.payload
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Reply(answer.code, body, {"Content-Type": answer.content_type, **answer.headers})


def refusal_reply(refusal: Refusal, shape: str) -> Reply:
    """Serialize a refusal; without a payload the shape of the body is assumed (U6)."""
    payload = refusal.payload
    if payload is None and shape == "empty":
        return Reply(refusal.code)
    if payload is None and shape == "text":
        return Reply(refusal.code, refusal.message.encode(), {"Content-Type": "text/plain"})
    if payload is None:
        nested = {"message": refusal.message, "code": refusal.code}
        payload = {"error": nested if shape == "nested" else refusal.message}
    return Reply(refusal.code, json.dumps(payload).encode(), {"Content-Type": JSON_TYPE})


def retry_after(seconds: float, *, as_date: bool) -> str:
    """Return a Retry-After header, rounded up, in either of its forms (RFC 9110)."""
    if as_date:
        return formatdate(math.ceil(time.time() + seconds), usegmt=True)
    return str(math.ceil(seconds))


def apply_fault(fault: Fault, reply: Reply, error_shape: str) -> Reply:
    """Return the reply as changed by the fault; row faults change nothing here."""
    if fault.name in _STATUS_CODES:
        code = _STATUS_CODES[fault.name] or int(fault.number("code"))
        reply = refusal_reply(Refusal(code, "injected fault"), error_shape)
        if fault.options.get("gateway"):
            page = {"Content-Type": "text/html; charset=utf-8"}
            reply = Reply(code, HTML_PAGE, page, from_gateway=True)
        if fault.options.get("reset") is not None:
            reply.headers["X-RateLimit-Reset-Time"] = str(fault.options["reset"])
        if fault.options.get("retry_after") is not None:
            text = retry_after(fault.number("retry_after"), as_date=bool(fault.options["as_date"]))
            reply.headers["Retry-After"] = text
        return reply
    return _EFFECTS[fault.name](fault, reply) if fault.name in _EFFECTS else reply


def _no_answer(fault: Fault, reply: Reply) -> Reply:
    held = fault.number("seconds") if "seconds" in fault.options else 0.0
    return Reply(0, mode="none", delay=held)


def _cut_body(fault: Fault, reply: Reply) -> Reply:
    reply.mode = "half"
    return reply


def _drip(fault: Fault, reply: Reply) -> Reply:
    reply.mode, reply.pause = "drip", fault.number("seconds")
    reply.size = max(1, int(fault.number("size")))
    return reply


def _huge(fault: Fault, reply: Reply) -> Reply:
    size, announced = int(fault.number("mb") * 2**20), bool(fault.options["announced"])
    headers = {"Content-Type": JSON_TYPE}
    return Reply(200, headers=headers, mode="padded", size=size, announced=announced)


def _html(fault: Fault, reply: Reply) -> Reply:
    return Reply(200, HTML_PAGE, {"Content-Type": "text/html; charset=utf-8"})


def _broken_json(fault: Fault, reply: Reply) -> Reply:
    return Reply(200, reply.body[: len(reply.body) // 2] or b"{", {"Content-Type": JSON_TYPE})


def _wrong_shape(fault: Fault, reply: Reply) -> Reply:
    return Reply(200, b'{"ok": true}', {"Content-Type": JSON_TYPE})


def _redirect(fault: Fault, reply: Reply) -> Reply:
    return Reply(int(fault.number("code")), headers={"Location": str(fault.options["location"])})


_STATUS_CODES = {"status": None, "throttled": 429, "expired_token": 401}
_EFFECTS: dict[str, Callable[[Fault, Reply], Reply]] = {
    "timeout_before": _no_answer,
    "timeout_after": _no_answer,
    "cut_before": _no_answer,
    "cut_after": _no_answer,
    "cut_body": _cut_body,
    "drip": _drip,
    "huge": _huge,
    "html": _html,
    "broken_json": _broken_json,
    "wrong_shape": _wrong_shape,
    "redirect": _redirect,
}
