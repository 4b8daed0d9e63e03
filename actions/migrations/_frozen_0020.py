"""Code that migration 0020 needs, frozen: it must not change when the living code does."""

import re
import unicodedata

_ALIKE = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd`\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "-"),
}
_SIGNS = str.maketrans(_ALIKE)
# Format characters (zero-width and bidirectional), variation selectors and other ignorable marks.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def fold(text: str) -> str:
    """Return the form of a text that is compared: case, composition and look-alike signs are equal.

    Python folds, not the database: SQLite lowers ASCII only, and PostgreSQL depends on its locale.
    """
    if text.isascii():
        return " ".join(text.lower().replace("`", "'").split())
    return " ".join(_folded(_folded(text)).split())


def plain_signs(text: str) -> str:
    """Return a text with ASCII dashes, apostrophes, blanks and digits, without invisible marks."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_SIGNS))


def _folded(text: str) -> str:
    """Fold once; folding can make new combinations, which a second time folds."""
    return unicodedata.normalize("NFKC", plain_signs(text).casefold()).translate(_SIGNS)


def name_key(name: str) -> str:
    """Return the form of a name by which a device is matched."""
    return fold(name)[:255]
