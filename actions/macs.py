"""MAC addresses in the one form that we keep and send."""

import re

_NOTATIONS = re.compile(
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"
    r"|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}"
    r"|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
    r"|[0-9a-f]{12}",
    re.ASCII | re.IGNORECASE,
)


def normalise_mac(text: str) -> str | None:
    """ "AA:BB:CC:DD:EE:FF" for an address in any of four notations, else None.

    The notations: aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff and aabbccddeeff, in
    either case. The form that comes out is the one of the Device Action v3.1 example.
    """
    stripped = text.strip()
    if not _NOTATIONS.fullmatch(stripped):
        return None
    digits = re.sub("[-:.]", "", stripped).upper()
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
