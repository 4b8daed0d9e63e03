"""Reading an answer's body: never more than a cap, never longer than the call's time."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import requests

from actions.opswat.rate_headers import RateLimitStatus, read_rate
from actions.opswat.redaction import Redactor, Secret, strip_context
from actions.opswat.sanitize import clean_text
from actions.opswat.transport import EXPECTED

MAX_EXCERPT = 300
"""Characters kept of the vendor's own words in an error."""

MAX_ERROR_BYTES = 16 * 1024
"""Bytes read of an answer that is not a success; its body explains, it is not data."""

_CHUNK = 64 * 1024


class Body:
    """Takes the decoded bytes of one answer into memory, up to `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._data = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Take a piece; False means that the cap is reached and nothing more is wanted."""
        room = self._cap - len(self._data)
        self._data += chunk[:room]
        return len(chunk) <= room

    def json(self) -> tuple[bool, object]:
        """Whether the body is JSON, and its value; the parser's errors keep the whole text."""
        try:
            return True, json.loads(self._data)
        except (ValueError, RecursionError):
            return False, None

    def excerpt(self, scrubber: Redactor) -> str:
        """The first words, fit to show: one line, no control characters, no secrets."""
        text = clean_text(self._data.decode("utf-8", "replace"), len(self._data))
        return clean_text(scrubber.text(text), MAX_EXCERPT)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its status line, the vendor's word on the rate, its body.

    `flaw` is "" for a complete body, else what went wrong with it.
    """

    what: str
    http_status: int
    rate: RateLimitStatus
    body: Body = field(repr=False)
    flaw: str = ""


def read_reply(what: str, response: requests.Response, body: Body) -> Reply:
    """Read the answer into `body` and close it; what `body.feed` raises passes through."""
    status, rate = response.status_code, read_rate(response.headers)
    with contextlib.closing(response):
        # The way a redirect points is never looked at, so neither are its words.
        flaw = "a redirect" if 300 <= status < 400 else _pour(response, body)
    return Reply(what, status, rate, body, flaw)


def _pour(response: requests.Response, body: Body) -> str:
    chunks = response.iter_content(_CHUNK)
    while True:
        # Hidden, because a variable of a frame is shown in tracebacks: this may be a token.
        chunk, flaw = _next_chunk(chunks)
        if flaw or chunk is None:
            return flaw
        if not body.feed(chunk.reveal()):
            return "it is too large"


def _next_chunk(chunks: Iterator[bytes]) -> tuple[Secret[bytes] | None, str]:
    """The next piece, None at the end, and what went wrong; what the sink raises is not here."""
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
