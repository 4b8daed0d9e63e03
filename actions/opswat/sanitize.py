"""Makes external text fit for a database column, a log line and a page."""

import math
import re

MAX_TEXT = 255
"""Longest text kept of one field, in characters."""

REPLACEMENT = "\ufffd"
"""Stands for bytes that could not be decoded."""

_BLANK = re.compile(r"[\t-\r\x85\u2028\u2029]+")
# NUL and lone surrogates are refused by PostgreSQL; the other control characters break log lines.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return `text` without control characters and lone surrogates, cut to `limit`."""
    return _UNFIT.sub("", _BLANK.sub(" ", text)).strip()[:limit].rstrip()


def read_text(value: object, limit: int = MAX_TEXT) -> str:
    """Return one JSON value as text: numbers become text, other types ""."""
    if isinstance(value, str):
        return clean_text(value, limit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return str(value)[:limit]


def read_name(value: object, limit: int = MAX_TEXT) -> str:
    """Return a text that is sent back to the vendor, unchanged, or "".

    A cleaned or shortened identifier would name something else, so it is dropped; so is one with a
    replacement character, which stands for bytes that could not be decoded.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or len(text) > limit:
        return ""
    return text if clean_text(text, limit) == text and REPLACEMENT not in text else ""


def read_count(value: object) -> int | None:
    """Return a whole number from 0 to 2,147,483,647 (what an integer column holds), else None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**31 else None
