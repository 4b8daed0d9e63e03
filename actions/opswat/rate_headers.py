"""What the vendor's headers say about the rate limit.

Source: page "APIs" of the vendor's developer guidelines: X-RateLimit-Limit, X-RateLimit-Remaining
and X-RateLimit-Reset-Time, the last one "in second". Whether that is seconds from now or a point
in Unix time is not documented, so both are read. Gateways send Retry-After instead (RFC 9110), in
seconds or as a date.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

EPOCH_FROM = 1_000_000_000
"""A reset time above this is a point in Unix time (seconds), not a number of seconds to wait."""

_MILLISECONDS_FROM = 100_000_000_000
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """The vendor's rate limit headers; None for a header that is missing or malformed.

    `limit` and `remaining` are calls in the vendor's window; `reset_after` and `retry_after` are
    seconds from now, 0 if that time has passed. They are not capped: the caller decides how long to
    wait. `retry_after` is the header Retry-After, which the vendor's pages do not name.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None
    retry_after: float | None = None

    @property
    def wait(self) -> float | None:
        """Seconds to wait after a refusal: the longer of the two, None without either."""
        known = [each for each in (self.reset_after, self.retry_after) if each is not None]
        return max(known, default=None)


def read_rate(headers: Mapping[str, str]) -> RateLimitStatus:
    """Read the headers of one answer; never raises."""
    return RateLimitStatus(
        limit=_read_calls(headers.get("X-RateLimit-Limit")),
        remaining=_read_calls(headers.get("X-RateLimit-Remaining")),
        reset_after=_read_reset(headers.get("X-RateLimit-Reset-Time")),
        retry_after=_read_retry_after(headers.get("Retry-After")),
    )


def _read_number(text: str | None) -> float | None:
    stripped = (text or "").strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else None


def _read_calls(text: str | None) -> int | None:
    number = _read_number(text)
    return int(number) if number is not None and number <= 1_000_000 else None


def _read_retry_after(text: str | None) -> float | None:
    seconds = _read_reset(text)
    if seconds is not None or not text:
        return seconds
    try:
        at = parsedate_to_datetime(text.strip()[:100])
        wait = at.timestamp() - time.time()
    except (ValueError, OverflowError, TypeError):
        return None
    return max(0.0, wait) if wait <= EPOCH_FROM else None


def _read_reset(text: str | None) -> float | None:
    number = _read_number(text)
    if number is None or number <= EPOCH_FROM:
        return number
    epoch_seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    wait = max(0.0, epoch_seconds - time.time())
    return wait if wait <= EPOCH_FROM else None
