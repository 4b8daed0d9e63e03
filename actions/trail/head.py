"""The end of the chain: its last line, the lock of its writers, and signed marks beside it.

A mark is a row that states a number under a signature. The mark `head` states the number of lines
and is moved with each line, but only by a writer that finds it true: after lines have been cut it
stays where it was, and the check finds the difference. Marks also state the anchors written by each
installation, and the fingerprint of each key that has signed.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection

from actions.trail import chain
from actions.trail.models import AuditEvent, AuditMark

LOCK = 0x6175646974
"""Key of PostgreSQL's advisory lock of the chain: the letters of "audit"."""

HEAD = "head"

_EVENTS, _MARKS = AuditEvent._meta.db_table, AuditMark._meta.db_table
# The texts hold only names of our own tables.
_LAST = f"SELECT id, signature FROM {_EVENTS} ORDER BY id DESC LIMIT 1"  # noqa: S608
_INSERT_MARK = (
    f"INSERT INTO {_MARKS} (name, number, key_id, mac) VALUES (%s, %s, %s, %s) "  # noqa: S608
    "ON CONFLICT (name) DO "
)
_SET_MARK = (
    f"{_INSERT_MARK} UPDATE SET number = excluded.number, key_id = excluded.key_id, "
    "mac = excluded.mac"
)

Statement = tuple[str, Sequence[Any]]
"""SQL and its values."""


def lock() -> None:
    """Lock the chain against other writers, to the end of the transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def head() -> tuple[int, str]:
    """Return the id of the last line, which counts all lines ever written, and its signature."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        last: tuple[int, str] | None = cursor.fetchone()
    return last or (0, chain.GENESIS)


def locked_head() -> tuple[int, str]:
    """Lock the chain and return its head, in one round trip to the database."""
    if connection.vendor != "postgresql":
        return head()
    with connection.cursor() as cursor:
        # Two statements: each sees the rows committed before it began, and the second begins
        # once the lock is held.
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK}); {_LAST}")
        cursor.nextset()
        last: tuple[int, str] | None = cursor.fetchone()
    return last or (0, chain.GENESIS)


def moved_mark(last: tuple[int, str], number: int, signature: str, key_id: str) -> Statement:
    """Return the statement that moves the mark from the last line to the next one.

    It changes nothing if the mark does not state the last line under one of our keys.
    """
    new = signed_mark(HEAD, number, signature, key_id)
    if last[0] == 0:
        return f"{_INSERT_MARK} NOTHING", new
    macs = [_mac(key, HEAD, *last) for key in settings.AUDIT_KEYS.values()]
    # The text holds the name of our own table and placeholders.
    text = (
        f"UPDATE {_MARKS} SET number = %s, key_id = %s, mac = %s "  # noqa: S608
        f"WHERE name = %s AND number = %s AND mac IN ({', '.join(['%s'] * len(macs))})"
    )
    return text, [*new[1:], HEAD, last[0], *macs]


def head_problem(lost_keys: Collection[str]) -> tuple[int, str] | None:
    """Return the line at which the end differs from its mark, and how; None if it does not.

    One statement reads mark and lines, because lines are written meanwhile. A mark under a lost
    key cannot be checked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT m.number, m.key_id, m.mac, e.signature, (SELECT max(id) FROM {_EVENTS}) "  # noqa: S608
            f"FROM (SELECT 1 AS one) AS always LEFT JOIN {_MARKS} AS m ON m.name = '{HEAD}' "
            f"LEFT JOIN {_EVENTS} AS e ON e.id = m.number"
        )
        number, key_id, mac, signature, last = cursor.fetchone()
    if number is None:
        missing = (last, "The mark of the trail's length is missing.")
        return missing if last else None
    if signature is None:
        return number, f"The trail had {number} records by its mark; the last of them is missing."
    if key_id not in lost_keys and not is_signed_mark(HEAD, number, signature, key_id, mac):
        return number, "The mark of the trail's length states another record here."
    if last > number:
        return number + 1, f"The mark of the trail's length ends at record {number}."
    return None


def signed_mark(
    name: str, number: int, text: str, key_id: str | None = None
) -> tuple[str, int, str, str]:
    """Return the columns of a mark: a number and the digest of a text, signed."""
    key_id = key_id or next(iter(settings.AUDIT_KEYS))
    return name, number, key_id, _mac(settings.AUDIT_KEYS[key_id], name, number, text)


def is_signed_mark(name: str, number: int, text: str, key_id: str, mac: str) -> bool:
    """Return whether one of our keys signed exactly this mark."""
    key = settings.AUDIT_KEYS.get(key_id)
    return key is not None and _mac(key, name, number, text) == mac


@lru_cache(maxsize=16)  # The mark of one line is asked for again by the next line.
def _mac(key: bytes, name: str, number: int, text: str) -> str:
    return chain.sign(key, chain.canonical(["mark", name, number, text]))


def set_mark(name: str, number: int, text: str, key_id: str | None = None) -> None:
    """Store a mark, in place of an older one of this name."""
    with connection.cursor() as cursor:
        cursor.execute(_SET_MARK, signed_mark(name, number, text, key_id))


def find_mark(name: str) -> AuditMark | None:
    """Return a mark, or None."""
    return AuditMark.objects.filter(name=name).first()
