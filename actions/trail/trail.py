"""The trail: one line for each thing that happened, in the transaction of the thing itself.

Lines are chained under one lock, which is taken last and held to the end of the transaction: so
the chain's order is the order of the commits, and a rollback leaves no gap. On PostgreSQL it is
an advisory lock, because whoever writes the trail needs no right to update anything; on SQLite
a transaction that writes is alone anyway.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.roles import Role
from actions.trail import chain
from actions.trail.models import AuditDevice, AuditEvent

ENGINE = Actor(name="engine", role=Role.OPERATOR, source="system")
"""The engine itself, where no person acts."""

LOCK = 0x6175646974
"""PostgreSQL's advisory lock of the chain: the letters of "audit"."""

HEAD = f"SELECT id, signature FROM {AuditEvent._meta.db_table} ORDER BY id DESC LIMIT 1"  # noqa: S608
"""Asks for the last line."""

DEVICE_ROWS = {
    "sqlite": "SELECT %s, json_extract(value, '$[0]'), json_extract(value, '$[1]') "
    "FROM json_each(%s)",
    "postgresql": "SELECT %s, pair->>0, pair->>1 FROM json_array_elements(%s::json) AS pairs(pair)",
}
"""A JSON list of [device, status] as rows of AuditDevice."""


def record(
    actor: Actor,
    verb: str,
    *,
    subject_kind: str,
    subject: str,
    reason: str = "",
    ticket: str = "",
    about: Sequence[tuple[str, str]] = (),
    **data: Any,
) -> AuditEvent:
    """Write one line; call it inside the transaction of what it tells of.

    `about` names the devices that the line tells of by their keys, each with its status, so that
    it is found by each of them.
    """
    told = chain.normalize(data)
    event = AuditEvent(
        user_id=actor.user_id,
        actor=_truncate(actor.name, "actor"),
        role="" if actor.source == "system" else actor.role,
        source=actor.source,
        address=_truncate(actor.address, "address"),
        request_id=_truncate(actor.request_id, "request_id"),
        verb=verb,
        subject_kind=subject_kind,
        subject=_truncate(subject, "subject"),
        reason=chain.storable(reason),
        ticket=_truncate(ticket, "ticket"),
        kind=_truncate(str(told.get("kind") or ""), "kind"),
        count=_count(told),
        call=told.get("call"),
        data=told,
        lists_devices=bool(about),
    )
    event.search_text = chain.search_text(vars(event))
    # Without a savepoint: what cannot be told must not happen.
    with transaction.atomic(savepoint=False):
        _link(event)
        _insert(event, about)
    return event


def record_refusal(actor: Actor, verb: str, refusal: Exception, **told: Any) -> None:
    """Record that something was refused, and by which rule: once, however many hands it passes."""
    if getattr(refusal, "is_recorded", False):
        return
    problems = getattr(refusal, "problems", None) or {"": [str(refusal)]}
    record(actor, verb, problems=problems, **told)
    refusal.is_recorded = True  # type: ignore[attr-defined]  # A mark of our own.


def _truncate(text: str, field: str) -> str:
    most: int | None = getattr(AuditEvent._meta.get_field(field), "max_length", None)
    return chain.storable(text, most)


def _count(told: dict[str, Any]) -> int | None:
    count, devices = told.get("count"), told.get("devices")
    found = len(devices) if isinstance(devices, list) else devices
    return next((number for number in (count, found) if isinstance(number, int)), None)


def _link(event: AuditEvent) -> None:
    """Give the line its place in the chain and sign it; nobody else can until the commit."""
    last_id, last_mac = _locked_head()
    event.pk, event.previous, event.at = last_id + 1, last_mac, now()
    event.key_id = next(iter(settings.AUDIT_KEYS))
    event.signature = chain.sign(settings.AUDIT_KEYS[event.key_id], chain.content(vars(event)))


def _insert(event: AuditEvent, about: Sequence[tuple[str, str]]) -> None:
    """Store it; straight, because everything else waits for its turn in the chain."""
    fields = AuditEvent._meta.concrete_fields
    line = [field.get_db_prep_save(getattr(event, field.attname), connection) for field in fields]
    named = json.dumps([[chain.storable(key), status] for key, status in about])
    with connection.cursor() as cursor:
        if not about:
            cursor.execute(_line_sql(), line)
        elif connection.vendor == "postgresql":
            cursor.execute(
                f"WITH line AS ({_line_sql()}) {_devices_sql()}", [*line, event.pk, named]
            )
        else:
            cursor.execute(_line_sql(), line)
            cursor.execute(_devices_sql(), [event.pk, named])


@cache
def _line_sql() -> str:
    names = [str(field.column) for field in AuditEvent._meta.concrete_fields]
    columns = ", ".join(f'"{name}"' for name in names)
    places = ", ".join(["%s"] * len(names))
    # Nothing but names of our own columns stands in the text.
    return f"INSERT INTO {AuditEvent._meta.db_table} ({columns}) VALUES ({places})"  # noqa: S608


@cache
def _devices_sql() -> str:
    # Nothing but names and placeholders of this module stands in the text.
    return (
        f"INSERT INTO {AuditDevice._meta.db_table} (event_id, device_key, status) "
        + DEVICE_ROWS[connection.vendor]
    )


def lock() -> None:
    """Be the only one who writes the trail, to the end of the transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def head() -> tuple[int, str]:
    """The number of the last line, which counts them all, and its signature."""
    with connection.cursor() as cursor:
        cursor.execute(HEAD)
        last: tuple[int, str] | None = cursor.fetchone()
    return last or (0, chain.GENESIS)


def _locked_head() -> tuple[int, str]:
    """Be the only one who writes, and see what the one before has left: in one round trip."""
    if connection.vendor != "postgresql":
        return head()
    with connection.cursor() as cursor:
        # Two statements, because each sees what was committed before it began: the second one
        # begins when the lock is there.
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK}); {HEAD}")
        cursor.nextset()
        last: tuple[int, str] | None = cursor.fetchone()
    return last or (0, chain.GENESIS)
