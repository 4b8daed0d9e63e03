"""Texts that come from elsewhere, made fit for a reader's eye."""

import re

# Controls, bidi overrides and isolates, zero-width characters, soft hyphen, byte order mark.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def printable(text: object) -> str:
    """The text with every character made visible that would hide itself or turn the line round."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", str(text))


def printable_line(text: str) -> str:
    """A line of a log with its tabs, and every other character that would hide itself visible."""
    return "\t".join(map(printable, text.split("\t")))


def marked(text: str, phrase: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is the phrase."""
    pieces = re.split(f"({re.escape(phrase)})", text, flags=re.IGNORECASE) if phrase else [text]
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]
