"""Versions of agents in a form that sorts as people mean it: 7.10 after 7.9."""

import re

PARTS, DIGITS = 4, 8

_NUMBERS = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,3}")


def version_key(text: str, *, fill: str = "0") -> str:
    """The version as one text of digits that sorts; "" for what has no number.

    What follows the numbers, such as "-beta", does not count. With `fill` "9" the key is the last
    one that begins with these numbers, so that "up to 7.6" takes 7.6.711 in.
    """
    found = _NUMBERS.match(text.strip())
    if not found:
        return ""
    parts = [part.rjust(DIGITS, "0") for part in found[0].split(".")]
    return "".join(parts).ljust(PARTS * DIGITS, fill)


def is_version(text: str) -> bool:
    """Whether the whole text is a version of one to four numbers."""
    return _NUMBERS.fullmatch(text) is not None
