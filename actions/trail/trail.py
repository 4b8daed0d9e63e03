"""Write the audit trail: one line for each event, in the transaction of the change itself.

Lines are chained under one lock, which is taken last and held to the end of the transaction. So
the order of the chain is the order of the commits, and a rollback leaves no gap. On PostgreSQL it
is an advisory lock, because a writer of the trail then needs no right to update a row. SQLite
allows only one write transaction at a time anyway.
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
from actions.trail import anchors, chain, key_marks
from actions.trail.head import HEAD, SET_MARK, locked_head, signed_mark
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb

ENGINE = Actor(name="engine", role=Role.OPERATOR, source="system")
"""The actor of lines that the engine writes without a person."""

DEVICE_ROWS = {
    "sqlite": "SELECT %s, json_extract(value, '$[0]'), json_extract(value, '$[1]') "
    "FROM json_each(%s)",
    "postgresql": "SELECT %s, pair->>0, pair->>1 FROM json_array_elements(%s::json) AS pairs(pair)",
}
"""A JSON list of [device, status] as rows of AuditDevice."""


def record(
    actor: Actor,
    verb: Verb,
    *,
    subject_kind: str,
    subject: str,
    reason: str = "",
    detail: str = "",
    ticket: str = "",
    device_statuses: Sequence[tuple[str, str]] = (),
    **data: Any,
) -> AuditEvent:
    """Write one line; call it inside the transaction of the change that it records.

    `reason` is what a person wrote, `detail` an explanation by the engine. `device_statuses`
    holds the key of each device of the line and its status, so that the line is found by device.
    """
    event = AuditEvent(
        **_actor_columns(actor),
        verb=str(verb),
        subject_kind=subject_kind,
        subject=_truncate(subject, "subject"),
        reason=chain.storable(reason),
        detail=chain.storable(detail),
        ticket=_truncate(ticket, "ticket"),
        **_data_columns(chain.normalize(data)),
        lists_devices=bool(device_statuses),
    )
    event.search_text = chain.search_text(vars(event))
    # No savepoint: if the audit line cannot be written, the change must roll back.
    with transaction.atomic(savepoint=False):
        is_marked = _link(event)
        _insert(event, device_statuses, moves_mark=is_marked)
        if verb in anchors.ANCHORED:
            # An anchor that cannot be written must not stop the change; the check misses it.
            transaction.on_commit(anchors.write_anchor, robust=True)
    return event


def _actor_columns(actor: Actor) -> dict[str, Any]:
    return {
        "user_id": actor.user_id,
        "actor": _truncate(actor.name, "actor"),
        "role": "" if actor.source == "system" or actor.is_stranger else actor.role,
        "source": actor.source,
        "on_behalf_of": _truncate(actor.on_behalf_of, "on_behalf_of"),
        "host": _truncate(actor.host, "host"),
        "terminal": _truncate(actor.terminal, "terminal"),
        "address": _truncate(actor.address, "address"),
        "request_id": _truncate(actor.request_id, "request_id"),
    }


def _data_columns(data: dict[str, Any]) -> dict[str, Any]:
    """Return `data`, and the columns that repeat a part of it so that queries find it."""
    kind = _truncate(str(data.get("kind") or ""), "kind")
    return {"data": data, "kind": kind, "count": _count(data), "call": data.get("call")}


def _truncate(text: str, field: str) -> str:
    limit: int | None = getattr(AuditEvent._meta.get_field(field), "max_length", None)
    return chain.storable(text, limit)


def _count(data: dict[str, Any]) -> int | None:
    count, devices = data.get("count"), data.get("devices")
    found = len(devices) if isinstance(devices, list) else devices
    return next((number for number in (count, found) if isinstance(number, int)), None)


def _link(event: AuditEvent) -> bool:
    """Append the line to the chain and sign it; other writers wait until the commit.

    Returns whether the mark of the end stated the line before it, so that it may move on.
    """
    last = locked_head()
    event.pk, event.previous, event.at = last.id + 1, last.signature, now()
    key_marks.ensure_may_sign(event.pk)
    event.key_id = next(iter(settings.AUDIT_KEYS))
    event.signature = chain.sign(settings.AUDIT_KEYS[event.key_id], chain.content(vars(event)))
    return last.is_marked


def _insert(
    event: AuditEvent, device_statuses: Sequence[tuple[str, str]], *, moves_mark: bool
) -> None:
    """Store the line with plain SQL, because other writers wait for the lock meanwhile."""
    fields = AuditEvent._meta.concrete_fields
    line = [field.get_db_prep_save(getattr(event, field.attname), connection) for field in fields]
    statements: list[tuple[str, Sequence[Any]]] = [(_line_sql(), line)]
    if moves_mark:
        statements.append((SET_MARK, signed_mark(HEAD, event.pk, event.signature, event.key_id)))
    if device_statuses:
        named = json.dumps([[chain.storable(key), status] for key, status in device_statuses])
        statements.append((_devices_sql(), [event.pk, named]))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            *first, (last, values) = statements
            parts = [f"part{number} AS ({text})" for number, (text, _) in enumerate(first)]
            values = [value for _, given in first for value in given] + list(values)
            cursor.execute(f"WITH {', '.join(parts)} {last}" if parts else last, values)
        else:
            for text, values in statements:
                cursor.execute(text, values)


@cache
def _line_sql() -> str:
    names = [str(field.column) for field in AuditEvent._meta.concrete_fields]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(["%s"] * len(names))
    # The text holds only names of our own columns.
    return f"INSERT INTO {AuditEvent._meta.db_table} ({columns}) VALUES ({values})"  # noqa: S608


@cache
def _devices_sql() -> str:
    # The text holds only names and placeholders of this module.
    return (
        f"INSERT INTO {AuditDevice._meta.db_table} (event_id, device_key, status) "
        + DEVICE_ROWS[connection.vendor]
    )
