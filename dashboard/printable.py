"""Escape invisible and bidirectional characters in external text."""

import re

# Controls, bidi overrides and isolates, zero-width characters, soft hyphen, byte order mark.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def printable(text: object) -> str:
    """Replace each invisible or bidirectional character with its code point, as ⟨U+202E⟩."""
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", str(text))


def printable_line(text: str) -> str:
    """Make a line of a log printable; tabs stay."""
    return "\t".join(map(printable, text.split("\t")))


def marked(text: str, phrase: str) -> list[tuple[str, bool]]:
    """Split a text into pieces, each with whether it is the phrase, case ignored."""
    pieces = re.split(f"({re.escape(phrase)})", text, flags=re.IGNORECASE) if phrase else [text]
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]
