"""Names of users: which spellings are one name, and which names are refused.

Two spellings are one name if Unicode's compatibility form without case (NFKC, casefold) is equal.
A new name has letters of one script only, and does not look like the name of another user.
"""

import unicodedata

MAX_KEY = 200
"""Characters of a key in the database; a name has at most 150, and NFKC may lengthen it."""

TWIN_MARK = "~"
"""In the key of a user whose name another user had first. No name may contain it."""

_EAST_ASIAN = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"}

_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝһӏьγαορντυικχεηβօսոցհ",
    "abekmhopctyxijsdqwhlbyaopvtuikxenbouugh",
)
"""Cyrillic, Greek and Armenian letters, and the Latin letters that they look like."""


def name_key(name: str) -> str:
    """Return the form that all spellings of a name share; the key of a key is itself."""
    key = name.replace("\x00", "").strip()
    for _ in range(4):  # One round may produce what the next one composes or lowers.
        before, key = key, unicodedata.normalize("NFKC", key.casefold()).strip()
        if key == before:
            break
    return key


def looks_like(key: str) -> str:
    """Return the key with each letter replaced by the Latin one that it looks like."""
    return key.translate(_LOOK_ALIKES)


def problem_of(name: str) -> str:
    """Return why a new name is refused, or an empty text."""
    key = name_key(name)
    if not key or len(key) > MAX_KEY:
        return "This name is empty or too long. Choose another name."
    if any(letter.isnumeric() and not letter.isascii() for letter in key):
        return "Use only the digits 0 to 9 in a name."
    if any("FILLER" in unicodedata.name(letter, "") for letter in key):
        return "This name contains an invisible character. Type it again."
    if len(_scripts(key)) > 1:
        return "Use letters of one script only: this name mixes letters that look alike."
    return ""


def _scripts(key: str) -> set[str]:
    words = (unicodedata.name(each, "?").split("-")[0].split()[0] for each in key if each.isalpha())
    return {"EAST ASIAN" if word in _EAST_ASIAN else word for word in words}
