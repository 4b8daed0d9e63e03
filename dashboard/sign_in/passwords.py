"""Rules for new passwords beside Django's: no repetition, and no words that anybody would guess."""

import re
import unicodedata
from itertools import pairwise

from django.conf import settings
from django.core.exceptions import ValidationError

from actions.roles import Role
from dashboard.models import User

MIN_DIFFERENT = 6
"""Different characters that a password has at least."""

MIN_REST = 8
"""Letters and digits that a password has at least beside the words that anybody would guess."""

PRODUCT = "device devices action actions console opswat metadefender itaccess access gears"
PEOPLE = "admin administrator root user username login password passwort kennwort"
TIMES = (
    "spring summer autumn fall winter january february march april june july august september "
    "october november december monday tuesday wednesday thursday friday saturday sunday "
    "fruehling frühling sommer herbst januar februar märz maerz juni juli oktober dezember montag "
    "dienstag mittwoch donnerstag freitag samstag sonntag printemps primavera verano otoño "
    "invierno été automne hiver"
)
KEYBOARD = ("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")

_LEET = str.maketrans("013457@$!", "oieastasi")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


class RepetitionValidator:
    """Refuses blanks, few different characters, a repeated piece, and runs such as 12345678."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if the password is mostly repetition."""
        text = "".join(_folded(password).split())
        if (
            len(set(text)) < MIN_DIFFERENT
            or _is_repeated(text)
            or _steps(text) * 2 > len(text)
            or any(
                row[start : start + 6] in text for row in KEYBOARD for start in range(len(row) - 5)
            )
        ):
            raise ValidationError(
                "This password is mostly a repetition or a row of keys. Use several words.",
                code="password_repeats",
            )

    def get_help_text(self) -> str:
        """Return the rule for people."""
        return "It must not repeat a few characters or follow a row of keys."


def _is_repeated(text: str) -> bool:
    """Return whether the text is a piece of at most half its length again and again."""
    return any(text[size:] == text[:-size] for size in range(1, len(text) // 2 + 1))


def _steps(text: str) -> int:
    """Return how many characters are the same as the one before, or its neighbour."""
    return sum(abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(text))


class ContextValidator:
    """Refuses a password that is little more than words of this place: product, role, season."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if little is left without those words, years and signs."""
        text = _folded(password)
        if min(_rest(text, user), _rest(text.translate(_LEET), user)) < MIN_REST:
            raise ValidationError(
                "This password is mostly words that anybody here would try first: the product, a "
                "role, a name, a season, a year. Use several other words.",
                code="password_in_context",
            )

    def get_help_text(self) -> str:
        """Return the rule for people."""
        return "It must not be mostly a word of this product, a role, a name, a season or a year."


def _rest(text: str, user: User | None) -> int:
    """Return how many letters and digits are left; all if the text has no such word."""
    words = f"{PRODUCT} {PEOPLE} {TIMES}".split() + [role.value for role in Role]
    words += [_folded(word) for word in settings.PASSWORD_WORDS]
    for host in settings.ALLOWED_HOSTS:
        words += [label for label in _folded(host).split(".") if len(label) > 3]
    words += [_folded(part) for part in re.split(r"[\W_]+", getattr(user, "username", "") or "")]
    found = sorted((word for word in words if len(word) > 2 and word in text), key=len)
    if not found:
        return len(text)
    for word in reversed(found):
        text = text.replace(word, " ")
    text = re.sub(r"(19|20)\d\d|\d{1,4}(?=\W*$)", " ", text)
    kept = [each for each in text if each.isalnum()]
    return len(kept) - _steps("".join(kept))
