"""Keeps the token and the client secret out of logs, errors and tracebacks.

The vendor requires the token in the URL (`access_token`, "Parameter Type: URL"), and libraries
print, log and pickle URLs. Three measures protect it: `Secret` wraps the value, `Redactor` cleans
all that comes back, and the library that logs whole URLs is silenced.
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
"""Replacement of a secret."""

# Shorter values occur by chance in ordinary words and numbers.
_SHORTEST = 8

# Values that we do not know, such as a token in an answer that could not be read.
_NAMED = re.compile(
    r"""((?:access_token|refresh_token|client_secret)["']?\s*[:=]\s*["']?)[^"'&\s<>,}]+""",
    re.IGNORECASE,
)

# These write the URL at DEBUG, and at WARNING if the headers of an answer are malformed.
_URL_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection")


class Secret(Generic[T]):
    """A value that does not appear in a repr, in the variables of a traceback or in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value; use it inside an expression, never assign it to a variable."""
        return self._value

    def __repr__(self) -> str:
        return "Secret()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")


class Redactor:
    """Removes known secrets from texts, in each encoding in which they are sent."""

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
        """Return `text` without the secrets, and without the values behind their usual names."""
        return _NAMED.sub(rf"\g<1>{REMOVED}", self._pattern.sub(REMOVED, text))

    def tree(self, tree: object) -> object:
        """Remove the secrets from all texts of a parsed JSON value, in place; return it.

        It is not recursive, because the vendor decides the depth.
        """
        root: list[object] = [tree]
        pending: list[object] = [root]
        while pending:
            part = pending.pop()
            if isinstance(part, list):
                part[:] = [self._leaf(value) for value in part]
                pending += [value for value in part if isinstance(value, list | dict)]
            elif isinstance(part, dict):
                fields = [(self._leaf(name), self._leaf(value)) for name, value in part.items()]
                part.clear()
                part.update(fields)
                pending += [value for value in part.values() if isinstance(value, list | dict)]
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
    """Return the same exception without its frames and its context.

    For signals that pass through the HTTP library: the variables of the library's frames contain
    the whole URL.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class _SilenceUrls(logging.Filter):
    """Drops records below ERROR: a filter stays in force when the logger is set to DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


_SILENCE = _SilenceUrls()


def silence_urls() -> None:
    """Keep urllib3's loggers from writing the URL of a call; may be called repeatedly.

    It runs before each call, because a later logging configuration resets the levels.
    """
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for name in _URL_LOGGERS:
        logging.getLogger(name).addFilter(_SILENCE)
