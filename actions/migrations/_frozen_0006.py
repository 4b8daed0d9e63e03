"""Code that migration 0006 needs, frozen: it must not change when the living code does."""

import re

PARTS, DIGITS = 4, 8
"""A key has four numbers of eight digits each."""

_NUMBERS = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,3}")


def version_key(text: str, *, fill: str = "0") -> str:
    """Return the version as digits that sort as text; "" if it does not begin with a number.

    A suffix after the numbers, such as "-beta", is ignored. With `fill` "9" the result is the
    highest key that begins with these numbers, so that "up to 7.6" includes 7.6.711.
    """
    match = _NUMBERS.match(text.strip())
    if not match:
        return ""
    parts = [part.rjust(DIGITS, "0") for part in match[0].split(".")]
    return "".join(parts).ljust(PARTS * DIGITS, fill)
