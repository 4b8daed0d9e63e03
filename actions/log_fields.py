"""Fields that every log line of a piece of work has: the HTTP request, the vendor call."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_NONE: Mapping[str, str] = {}
_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NONE)


@contextmanager
def log_fields(**fields: object) -> Iterator[None]:
    """Add fields to all log lines that are written inside the block, in this thread or task."""
    token = _fields.set({**_fields.get(), **{name: str(value) for name, value in fields.items()}})
    try:
        yield
    finally:
        _fields.reset(token)


def current() -> Mapping[str, str]:
    """Return the fields of this piece of work."""
    return _fields.get()
