"""MAC addresses: one notation to store and to send."""

import re

from actions.folding import plain_signs

_HEX = "[0-9a-f]"
_NOTATIONS = re.compile(
    f"(?:0x)?(?:{_HEX}{{12}}"
    f"|{_HEX}{{2}}([-:. ])(?:{_HEX}{{2}}\\1){{4}}{_HEX}{{2}}"
    f"|{_HEX}{{4}}([-:. ]){_HEX}{{4}}\\2{_HEX}{{4}}"
    f"|{_HEX}{{6}}[-:. ]{_HEX}{{6}})",
    re.ASCII | re.IGNORECASE,
)
_PARTS = re.compile(
    f"{_HEX}{{2}}(?:([-.:]){_HEX}{{2}}(?:\\1{_HEX}{{2}}){{0,3}})|{_HEX}{{4}}[-.:]{_HEX}{{4}}",
    re.ASCII | re.IGNORECASE,
)
_LIKE_MAC = re.compile(
    r"[0-9a-z]{1,4}(?::[0-9a-z]{0,4}){2,}"  # No known name has two colons.
    r"|[0-9a-z]{2}(?:-[0-9a-z]{2}){4,}"
    r"|[0-9a-f]{2}(?:[. ][0-9a-f]{2}){4,}"
    r"|[0-9a-f]{3,4}(?:\.[0-9a-f]{3,4}){2,3}"
    r"|[0-9a-f]{4}(?:[- ][0-9a-f]{4}){2,3}"
    r"|0x[0-9a-f]{10,16}",
    re.IGNORECASE | re.ASCII,
)
_DIGITS = re.compile(_HEX, re.ASCII | re.IGNORECASE)
_NO_SEPARATORS = str.maketrans("", "", "-:. ")


def normalise_mac(text: str) -> str | None:
    """Return the address as "AA:BB:CC:DD:EE:FF", or None if the text is not a MAC address.

    Accepts twelve hexadecimal digits in either case, alone or in groups of 2, 4 or 6 between which
    one of - : . or a blank stands, with or without 0x before them. The result has the notation of
    the example in Device Action v3.1.
    """
    plain = text.strip() if text.isascii() else plain_signs(text).strip()
    if not 12 <= len(plain) <= 19 or not _NOTATIONS.fullmatch(plain):
        return None
    if len(plain) == 17 and plain[2] == ":":
        return plain.upper()
    return _stored(plain.lower().removeprefix("0x"))


def part_of_mac(text: str) -> str | None:
    """Return a whole address, or a part of one, in the stored notation; None for other text.

    A part has at least two bytes with a sign between them: 00-1b, 00-1b-21-cd, 001b.21cd.
    """
    if whole := normalise_mac(text):
        return whole
    plain = plain_signs(text)
    return _stored(plain) if _PARTS.fullmatch(plain) else None


def why_no_mac(text: str) -> str:
    """Return why a text that was certainly meant to be a MAC address is none; "" for other text."""
    plain = plain_signs(text[:80]).strip()
    if not _LIKE_MAC.fullmatch(plain) or normalise_mac(text):
        return ""
    digits = len(_DIGITS.findall(plain.lower().removeprefix("0x")))
    if digits == 16:
        return "A 64-bit address (EUI-64): a MAC address has 12 hexadecimal digits."
    return "Not a complete MAC address." if digits < 12 else "Not a MAC address."


def _stored(text: str) -> str:
    digits = text.translate(_NO_SEPARATORS).upper()
    return ":".join([digits[start : start + 2] for start in range(0, len(digits), 2)])
