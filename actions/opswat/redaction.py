"""Keeping the token and the client's secret out of everything that can be read later.

The vendor wants the token in the URL (`access_token`, "Parameter Type: URL"), where libraries
print, log and pickle it freely. Three things together keep it in: `Hidden` around the value,
`Scrubber` over all that comes back, and silence of the library that logs whole URLs.
"""

import html
import json
import logging
import re
from collections.abc import Iterable
from typing import Generic, NoReturn, TypeVar
from urllib.parse import quote, quote_plus

T = TypeVar("T")

REMOVED = "[removed]"
"""What stands where a secret was."""

# Shorter values would be found by chance inside ordinary words and numbers.
_SHORTEST = 8

# Values that were never ours to know, such as a token in an answer that could not be read.
_NAMED = re.compile(
    r"""((?:access_token|refresh_token|client_secret)["']?\s*[:=]\s*["']?)[^"'&\s<>,}]+""",
    re.IGNORECASE,
)

# These write the URL at DEBUG, and at WARNING when an answer's header lines are malformed.
_TALKATIVE = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection")


class Secret(Generic[T]):
    """A value that shows itself to nobody: not in a repr, a traceback's variables or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value; call it inside an expression, never into a variable of a frame."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A hidden value is never pickled.")


class Redactor:
    """Takes known secrets out of texts, in each spelling in which they travel."""

    def __init__(self, secrets: Iterable[Secret[str]]) -> None:
        spellings = {
            spelling
            for secret in secrets
            if len(secret.reveal()) >= _SHORTEST
            for spelling in _spellings(secret.reveal())
        }
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.I)

    def text(self, text: str) -> str:
        """`text` without the secrets, and without what stands behind their usual names."""
        return _NAMED.sub(rf"\g<1>{REMOVED}", self._pattern.sub(REMOVED, text))

    def tree(self, tree: object) -> object:
        """A parsed JSON value, changed in place, without the secrets in any of its texts.

        It walks with a list of its own instead of calling itself, as the depth is the vendor's.
        """
        root: list[object] = [tree]
        waiting: list[object] = [root]
        while waiting:
            part = waiting.pop()
            if isinstance(part, list):
                part[:] = [self._leaf(value) for value in part]
                waiting += [value for value in part if isinstance(value, list | dict)]
            elif isinstance(part, dict):
                fields = [(self._leaf(name), self._leaf(value)) for name, value in part.items()]
                part.clear()
                part.update(fields)
                waiting += [value for value in part.values() if isinstance(value, list | dict)]
        return root[0]

    def _leaf(self, value: object) -> object:
        return self._pattern.sub(REMOVED, value) if isinstance(value, str) else value


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }


def strip_context(error: BaseException) -> BaseException:
    """The same exception without the frames and the exceptions that led to it.

    It is for stop signals that must pass through the HTTP library: the variables of the library's
    frames hold the whole URL.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class _SilenceUrls(logging.Filter):
    """Lets nothing pass below ERROR: a filter stays when somebody sets the logger to DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


_SILENCE = _SilenceUrls()


def silence_urls() -> None:
    """Fix urllib3's loggers so that no URL of a call is ever written; may be called often.

    It is called for each call, because a later logging configuration resets the levels.
    """
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_SILENCE)
