"""Code that migration 0004 needs, frozen: it must not change when the living code does."""

import unicodedata

MAX_KEY = 200
TWIN_MARK = "~"


def name_key(name: str) -> str:
    """Return the form that all spellings of a name share; the key of a key is itself."""
    key = name.replace("\x00", "").strip()
    for _ in range(4):  # One round may produce what the next one composes or lowers.
        before, key = key, unicodedata.normalize("NFKC", key.casefold()).strip()
        if key == before:
            break
    return key
