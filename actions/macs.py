"""MAC addresses: one notation to store and to send."""

import re

_NOTATIONS = re.compile(
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"
    r"|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}"
    r"|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
    r"|[0-9a-f]{12}",
    re.ASCII | re.IGNORECASE,
)
_PARTS = re.compile(
    r"[0-9a-f]{2}(?:-[0-9a-f]{2}){1,4}|[0-9a-f]{4}\.[0-9a-f]{4}", re.ASCII | re.IGNORECASE
)

_LENGTHS = (12, 14, 17)
_NO_SEPARATORS = str.maketrans("", "", "-:.")


def normalise_mac(text: str) -> str | None:
    """Return the address as "AA:BB:CC:DD:EE:FF", or None if the text is not a MAC address.

    Accepts four notations in either case: aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff
    and aabbccddeeff. The result has the notation of the example in Device Action v3.1.
    """
    stripped = text.strip()
    if len(stripped) not in _LENGTHS or not _NOTATIONS.fullmatch(stripped):
        return None
    digits = stripped.translate(_NO_SEPARATORS).upper()
    return ":".join([digits[start : start + 2] for start in (0, 2, 4, 6, 8, 10)])


def part_of_mac(text: str) -> str | None:
    """Return a whole address, or a part of one, in the stored notation; None for other text.

    A part has at least two bytes with hyphens or dots between them: 00-1b, 00-1b-21-cd, 001b.21cd.
    """
    if whole := normalise_mac(text):
        return whole
    if not _PARTS.fullmatch(text):
        return None
    digits = re.sub("[-.]", "", text).upper()
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))
