"""Fingerprints of the keys that have signed the trail, so that each host signs with the same key.

Before a process signs its first line, it compares its keys with the fingerprints. A host with
another key, or one that has lost its key, is refused: the others would call its lines altered.
"""

from django.conf import settings
from django.db import transaction

from actions.errors import UnknownKeyError
from actions.trail import chain
from actions.trail.head import is_signed_mark, set_mark
from actions.trail.keys import DERIVED
from actions.trail.models import AuditEvent, AuditMark

PREFIX = "key "

DERIVED_ELSEWHERE = (
    "The audit trail was signed with a key from another SECRET_KEY. Set SECRET_KEY_FALLBACKS to "
    "the former SECRET_KEY, move the file audit_keys in DATA_DIR away, and start again."
)

_checked: set[tuple[str, bytes]] = set()
"""Signing keys, by id, that this process has found registered."""


def ensure_may_sign(line: int) -> None:
    """Check and register the signing key before it signs this line; raises UnknownKeyError."""
    signing = next(iter(settings.AUDIT_KEYS.items()))
    if signing in _checked:
        return
    marks = _marks()
    if text := _problem(marks):
        raise UnknownKeyError(text)
    # The own key of a host that uses AUDIT_KEYS signs no line, and other hosts do not have it.
    for key_id in {_last_key(), DERIVED} & set(settings.AUDIT_KEYS) - set(marks) - {signing[0]}:
        _register(key_id, 0)
    if signing[0] not in marks:
        _register(signing[0], line)
    transaction.on_commit(lambda: _checked.add(signing))


def usable() -> set[str]:
    """Return the ids of the keys with which this host can check lines of the trail."""
    return set(settings.AUDIT_KEYS) - set(lost_keys())


def accept(line: int) -> None:
    """Register the signing key of this host, whatever signed before; a person decided so."""
    _register(next(iter(settings.AUDIT_KEYS)), line)


def problem() -> str | None:
    """Return why this host must not sign, or None."""
    return _problem(_marks())


def lost_keys() -> dict[str, AuditMark]:
    """Return the marks of keys that this host does not have, or has with another secret."""
    return {key_id: mark for key_id, mark in _marks().items() if not _is_ours(mark)}


def _problem(marks: dict[str, AuditMark]) -> str | None:
    if not marks:
        last = _last_key()
        if last == DERIVED and last in settings.AUDIT_KEYS and not _is_last_signed():
            return DERIVED_ELSEWHERE
        return _unknown(last) if last and last not in settings.AUDIT_KEYS else None
    signing = next(iter(settings.AUDIT_KEYS))
    newest_id, newest = max(marks.items(), key=lambda item: item[1].number)
    if not _is_ours(newest):
        return _unknown(newest_id)
    if signing in marks and not _is_ours(marks[signing]):
        return _unknown(signing)
    if signing in marks and marks[signing].number < newest.number:
        return (
            f"The audit trail is signed with the newer key {newest_id}. "
            "Put it first in AUDIT_KEYS of this host."
        )
    return None


def _last_key() -> str:
    last = AuditEvent.objects.order_by("-pk").values_list("key_id", flat=True).first()
    return last or ""


def _is_last_signed() -> bool:
    """Return whether the key that the last line names has signed it."""
    [line] = AuditEvent.objects.order_by("-pk")[:1].values()
    content = chain.content(line)
    return chain.sign(settings.AUDIT_KEYS[line["key_id"]], content) == line["signature"]


def _unknown(key_id: str) -> str:
    return (
        f"The audit trail is signed with the key {key_id}, which this host does not have. Restore "
        "the file audit_keys in DATA_DIR, or set the same AUDIT_KEYS on all hosts. If the key is "
        "lost for good, run: manage.py audit_accept --reason …"
    )


def _marks() -> dict[str, AuditMark]:
    found = AuditMark.objects.filter(name__startswith=PREFIX)
    return {mark.name.removeprefix(PREFIX): mark for mark in found}


def _is_ours(mark: AuditMark) -> bool:
    return is_signed_mark(mark.name, mark.number, "", mark.key_id, mark.mac)


def _register(key_id: str, line: int) -> None:
    set_mark(PREFIX + key_id, line, "", key_id)
