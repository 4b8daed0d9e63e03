"""Record in the audit trail what a service refused.

A refusal leaves one line, however many services it passes: the innermost service describes the
line, and the outermost writes it when every transaction of the services has been rolled back. The
line is bounded: of a long list it names the first entries, their number and a digest of all.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from actions.actor import Actor
from actions.errors import ActionsError, NotAllowed, Refused
from actions.trail import ceilings, trail
from actions.trail.verbs import Verb

P = ParamSpec("P")
R = TypeVar("R")

_noted: ContextVar[list[ActionsError] | None] = ContextVar("noted", default=None)

MAX_NAMED = 10
"""Entries of a list that the line of a refusal names."""

MAX_TEXT = 2_000
"""Characters of a text, or of a value as JSON, in the line of a refusal."""

_within_service: ContextVar[bool] = ContextVar("within_service", default=False)


def records_refusals(
    verb: Verb, line: Callable[..., dict[str, Any]]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a service so that a refusal by it is recorded with `verb`.

    `line` is called with the arguments of the service, by name, and returns the subject and data
    of the audit line. The service names its acting person `actor`. Where the service opens a
    transaction, this decorator stands outside of it.
    """

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(service)

        @wraps(service)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            given = parameters.bind(*args, **kwargs).arguments
            with recording_refusals(given["actor"], verb, **line(**given)):
                return service(*args, **kwargs)

        return recorded

    return decorate


@contextmanager
def recording_refusals(actor: Actor, verb: Verb, **line: Any) -> Iterator[None]:
    """Record a refusal that leaves this block; `line` is its subject and data."""
    outermost = not _within_service.get()
    token = _within_service.set(True)
    try:
        yield
    except (NotAllowed, Refused) as refusal:
        if refusal.audit_line is None:
            refusal.audit_line = {"actor": actor, "verb": verb, **line}
        if outermost:
            record_refusal(refusal=refusal, **refusal.audit_line)
        raise
    finally:
        _within_service.reset(token)


def record_refusal(actor: Actor, verb: Verb, refusal: ActionsError, **line: Any) -> None:
    """Write the line of a refusal, unless it is recorded already."""
    if refusal.is_recorded:
        return
    codes = refusal.codes
    if ceilings.admit(actor, verb, " ".join(codes)):
        trail.record(actor, verb, problems=_problems(refusal), codes=codes, **_bounded(line))
    refusal.is_recorded = True
    if (noted := _noted.get()) is not None:
        noted.append(refusal)


def note_refusals() -> list[ActionsError]:
    """Return a list to which each refusal is added that is recorded or counted from now on.

    It belongs to the present context, such as one HTTP request.
    """
    noted: list[ActionsError] = []
    _noted.set(noted)
    return noted


def _problems(refusal: ActionsError) -> dict[str, list[str]]:
    first = list(refusal.by_field().items())[:MAX_NAMED]
    return {field: [text[:MAX_TEXT] for text in texts[:MAX_NAMED]] for field, texts in first}


def _bounded(line: dict[str, Any]) -> dict[str, Any]:
    """Return the line with the first entries of long lists and the beginning of long texts."""
    found: dict[str, Any] = {}
    for name, value in line.items():
        if isinstance(value, str):
            found[name] = value[:MAX_TEXT]
        elif isinstance(value, list | tuple | set) and len(value) > MAX_NAMED:
            entries = list(value)
            found[name] = [str(entry)[:MAX_TEXT] for entry in entries[:MAX_NAMED]]
            found[f"{name}_all"] = {"count": len(entries), "sha256": _digest(entries)}
        elif len(json.dumps(value, default=str)) > MAX_TEXT:
            found[name] = {"left_out": "too long", "sha256": _digest(value)}
        else:
            found[name] = value
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def fixed_subject(subject_kind: str, subject: str) -> Callable[..., dict[str, Any]]:
    """Return the `line` of a service that always concerns the same subject."""
    return lambda **_: {"subject_kind": subject_kind, "subject": subject}
