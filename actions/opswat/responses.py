"""Reads the body of an answer, within a size limit and the time of the call."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import requests

from actions.opswat.rate_headers import RateLimitStatus, read_rate
from actions.opswat.redaction import Redactor, Secret, strip_context
from actions.opswat.sanitize import clean_text
from actions.opswat.transport import EXPECTED

MAX_EXCERPT = 300
"""Characters kept of the vendor's text in an error."""

MAX_ERROR_BYTES = 16 * 1024
"""Bytes read of an answer that is not a success: its body only explains the error."""

_CHUNK = 64 * 1024
_TAG = re.compile(r"<[^<>]*>")


def _stated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; a field with two different values has none that can be used."""
    found = dict(pairs)
    if len(found) < len(pairs):
        # Compared with their types, because True is 1 in Python.
        for name, value in pairs:
            if repr(value) != repr(found[name]):
                found[name] = {}
    return found


class Body:
    """Takes the decoded bytes of one answer into memory, up to `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._data = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; return False once the size limit is reached."""
        room = self._cap - len(self._data)
        self._data += chunk[:room]
        return len(chunk) <= room

    def json(self) -> tuple[bool, object]:
        """Return whether the body is JSON, and its value; a parser error would hold the text.

        One byte that is not UTF-8, or one raw control character, must not make all other devices
        unreadable: after the strict attempt such bytes are replaced and such characters accepted.
        """
        try:
            return True, json.loads(self._data, object_pairs_hook=_stated)
        except (ValueError, RecursionError):
            pass
        try:
            text = self._data.decode("utf-8-sig", "replace")
            return True, json.loads(text, strict=False, object_pairs_hook=_stated)
        except (ValueError, RecursionError):
            return False, None

    def is_json_object(self) -> bool:
        """Return whether the body is a JSON object, the form of the vendor's refusals."""
        return isinstance(self.json()[1], dict)

    def is_markup(self) -> bool:
        """Return whether the body is a page (HTML or XML), which only a gateway sends."""
        return self._data.lstrip()[:1] == b"<"

    def excerpt(self, redactor: Redactor) -> str:
        """Return the beginning of the body as one line, no control characters, no secrets.

        Of a page only its text is kept.
        """
        text = clean_text(self._data.decode("utf-8", "replace"), len(self._data))
        text = redactor.text(text)
        if self.is_markup():
            text = " ".join(_TAG.sub(" ", text).split())
        return clean_text(text, MAX_EXCERPT)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its status, the rate limit headers, its body.

    `endpoint` is the method and the path; `error` says why the body is incomplete, "" if it is not.
    """

    endpoint: str
    http_status: int
    rate: RateLimitStatus
    body: Body = field(repr=False)
    error: str = ""


def read_reply(endpoint: str, response: requests.Response, body: Body) -> Reply:
    """Read the answer into `body` and close it; errors of `body.feed` pass through."""
    status, rate = response.status_code, read_rate(response.headers)
    with contextlib.closing(response):
        # A redirect is never followed, so its body is not read.
        error = "a redirect" if 300 <= status < 400 else _read_into(response, body)
    return Reply(endpoint, status, rate, body, error)


def _read_into(response: requests.Response, body: Body) -> str:
    chunks = response.iter_content(_CHUNK)
    while True:
        # A Secret, because tracebacks show the variables of a frame: this may be a token.
        chunk, error = _next_chunk(chunks)
        if error or chunk is None:
            return error
        if not body.feed(chunk.reveal()):
            return "it is too large"


def _next_chunk(chunks: Iterator[bytes]) -> tuple[Secret[bytes] | None, str]:
    """Return the next chunk, None at the end, and the error of reading, if any."""
    stop: BaseException
    try:
        return Secret(next(chunks)), ""
    except StopIteration:
        return None, ""
    except EXPECTED:
        return None, "it broke off, came too slowly or could not be decoded"
    except BaseException as error:  # noqa: BLE001 - a stop signal: passed on below
        stop = strip_context(error)
    raise stop
