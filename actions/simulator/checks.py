"""Strict validation of requests: refuse what the vendor's documentation does not allow.

A tolerant simulator would hide mistakes of the client, so no value is guessed or converted.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Json = dict[str, object]


class Refusal(Exception):
    """The call is refused with an HTTP status code that the vendor documents."""

    def __init__(self, code: int, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.payload = payload


@dataclass(slots=True)
class Call:
    """One HTTP request to the vendor; `version` is the API version in the path."""

    method: str
    path: str
    version: tuple[int, int] = (3, 0)
    query: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    authorization: str = ""
    raw: bytes | None = b""  # None if the body could not be read


@dataclass(slots=True)
class Answer:
    """What an API returns: a payload for JSON, or bytes with their own content type."""

    payload: object
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    applied: tuple[str, ...] = ()
    code: int = 200


def read_query(query: str) -> dict[str, str]:
    """Parse the query string; of a repeated name the first value counts."""
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


def media_type(content_type: str) -> str:
    """Return the media type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def json_object(call: Call) -> Json:
    """Parse the body as a JSON object; 415 for another media type, 400 for invalid JSON."""
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
    """Parse a body for the log of calls; None if it is not a JSON object."""
    try:
        body = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def integer(value: object, name: str, low: int, high: int | None = None) -> int:
    """Return the value if it is an int (no bool) from `low` to `high`; else refuse with 400."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(400, f"{name} must be an integer")
    if value < low or (high is not None and value > high):
        raise Refusal(400, f"{name} is out of range")
    return value


def string(value: object, name: str) -> str:
    """Return the value if it is a non-empty string; else refuse with 400."""
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} must be a string")
    return value


def strings(value: object, name: str) -> tuple[str, ...]:
    """Return a non-empty list of non-empty strings as a tuple; else refuse with 400."""
    if not isinstance(value, list) or not value:
        raise Refusal(400, f"{name} must be a list with at least one entry")
    return tuple(string(entry, f"each of {name}") for entry in value)


def page_limit(body: Json, default: int, too_big: str = "406") -> int:
    """Return `limit` of the body; more than 50 is `too_big`, another invalid value a 400."""
    limit = integer(body.get("limit", default), "limit", 1)
    if limit > 50 and too_big != "50":
        raise Refusal(int(too_big), "limit is greater than 50")
    return min(limit, 50)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
