"""Strict reading of what comes in: whatever the vendor's pages do not allow is refused here.

A tolerant simulator would hide the mistakes of its client, so nothing is guessed or converted.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Json = dict[str, object]


class Refusal(Exception):
    """The whole call is refused with an HTTP code of the vendor's table of codes."""

    def __init__(self, code: int, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.payload = payload


@dataclass(slots=True)
class Call:
    """One request to the vendor, read from the wire; `version` is the one in the path."""

    method: str
    path: str
    version: tuple[int, int] = (3, 0)
    query: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    authorization: str = ""
    raw: bytes | None = b""  # None when the body could not be read


@dataclass(slots=True)
class Answer:
    """What an API answers with 200: something for JSON, or bytes with their own content type."""

    payload: object
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    applied: tuple[str, ...] = ()
    code: int = 200


def read_query(text: str) -> dict[str, str]:
    """Read the query string; the first value of a doubled name counts."""
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def media_type(content_type: str) -> str:
    """Give the media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def json_object(call: Call) -> Json:
    """Read the body as a JSON object; 415 for another media type, 400 for anything unreadable."""
    if media_type(call.content_type) != "application/json":
        raise Refusal(415, "the content type must be application/json")
    if call.raw is None:
        raise Refusal(400, "the body cannot be read")
    try:
        body = json.loads(call.raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, "the body is not JSON") from problem
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be an object")
    return body


def peek_json(raw: bytes | None) -> Json | None:
    """Read a body for the log of calls, whatever becomes of the call; None if it is no object."""
    try:
        body = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def whole(value: object, name: str, low: int, high: int | None = None) -> int:
    """Take an int within the bounds, both included; a bool is no int. Refuses with 400."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(400, f"{name} must be an integer")
    if value < low or (high is not None and value > high):
        raise Refusal(400, f"{name} is out of range")
    return value


def text(value: object, name: str) -> str:
    """Take a string that is not empty; refuses with 400."""
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} must be a string")
    return value


def texts(value: object, name: str) -> tuple[str, ...]:
    """Take a list of strings, none of them empty and at least one; refuses with 400."""
    if not isinstance(value, list) or not value:
        raise Refusal(400, f"{name} must be a list with at least one entry")
    return tuple(text(entry, f"each of {name}") for entry in value)


def page_limit(body: Json, default: int) -> int:
    """Read `limit`; more than fifty is the vendor's 406, nonsense is a 400."""
    limit = whole(body.get("limit", default), "limit", 1)
    if limit > 50:
        raise Refusal(406, "limit is greater than 50")
    return limit


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
