"""MAC addresses in the one form that we keep and send."""

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
_NO_SIGNS = str.maketrans("", "", "-:.")


def normalise_mac(text: str) -> str | None:
    """ "AA:BB:CC:DD:EE:FF" for an address in any of four notations, else None.

    The notations: aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff and aabbccddeeff, in
    either case. The form that comes out is the one of the Device Action v3.1 example.
    """
    stripped = text.strip()
    if len(stripped) not in _LENGTHS or not _NOTATIONS.fullmatch(stripped):
        return None
    digits = stripped.translate(_NO_SIGNS).upper()
    return ":".join([digits[place : place + 2] for place in (0, 2, 4, 6, 8, 10)])


def part_of_mac(text: str) -> str | None:
    """A whole address or its beginning, middle or end, written as we keep it, else None.

    At least two bytes with hyphens or dots between them: 00-1b, 00-1b-21-cd, 001b.21cd.
    """
    if whole := normalise_mac(text):
        return whole
    if not _PARTS.fullmatch(text):
        return None
    digits = re.sub("[-.]", "", text).upper()
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
