"""Reads points in time as the vendor writes them.

Its examples and its clients show ISO 8601 in UTC ("2014-07-18T08:59:00Z"); its Get Logs takes
epoch milliseconds. All other forms are tolerated (*assumed*).
"""

import re
from datetime import UTC, datetime

# A value outside these years is a placeholder (0001-01-01, epoch 0) or an error.
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
# Epoch seconds reach this in the year 5138, so that a larger number counts milliseconds.
_MILLISECONDS = 100_000_000_000
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


def read_datetime(value: object) -> datetime | None:
    """Return the time in UTC, or None for anything else; never raises.

    Takes ISO 8601 with Z, with an offset or without (then it is UTC, the vendor says GMT), and
    epoch seconds or milliseconds as number or text.
    """
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            at = _from_epoch(value)
        elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            at = _from_epoch(float(value))
        elif isinstance(value, str):
            at = _from_text(value.strip())
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return at if _FIRST <= at < _LAST else None


def _from_epoch(number: float) -> datetime:
    seconds = number / 1000 if number >= _MILLISECONDS else number
    return datetime.fromtimestamp(seconds, tz=UTC)


def _from_text(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at.astimezone(UTC)
