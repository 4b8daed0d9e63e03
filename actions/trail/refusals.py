"""Record in the audit trail what a service refused.

A refusal leaves one line, however many services it passes: the innermost service describes the
line, and the outermost writes it when every transaction of the services has been rolled back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from actions.actor import Actor
from actions.errors import ActionsError, NotAllowed, Refused
from actions.trail import trail
from actions.trail.verbs import Verb

P = ParamSpec("P")
R = TypeVar("R")

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
    problems, codes = refusal.by_field(), refusal.codes
    trail.record(actor, verb, problems=problems, codes=codes, **line)
    refusal.is_recorded = True


def fixed_subject(subject_kind: str, subject: str) -> Callable[..., dict[str, Any]]:
    """Return the `line` of a service that always concerns the same subject."""
    return lambda **_: {"subject_kind": subject_kind, "subject": subject}
