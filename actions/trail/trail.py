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
from django.db.models import Field
from django.utils.timezone import now

from actions.actor import Actor
from actions.roles import Role
from actions.trail import anchors, chain, key_marks
from actions.trail.head import Statement, locked_head, moved_mark
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb

ENGINE = Actor(name="engine", role=Role.OPERATOR, source="system")
"""The actor of lines that the engine writes without a person."""

_FIELDS = AuditEvent._meta.concrete_fields
_LINKED = [
    field for field in _FIELDS if field.name in {"id", "at", "key_id", "previous", "signature"}
]
"""Columns that are known once the chain is locked."""

_OWN = [field for field in _FIELDS if field not in _LINKED]

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
    named = json.dumps([[chain.storable(key), status] for key, status in device_statuses])
    own = _prepared(event, _OWN)
    # No savepoint: if the audit line cannot be written, the change must roll back.
    with transaction.atomic(savepoint=False):
        last = _link(event)
        mark = moved_mark(last, event.pk, event.signature, event.key_id)
        line = own + _prepared(event, _LINKED)
        _insert(line, event.pk, named if device_statuses else "", mark)
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


def _link(event: AuditEvent) -> tuple[int, str]:
    """Append the line to the chain and sign it; other writers wait until the commit.

    Returns id and signature of the line before it.
    """
    last_id, last_signature = last = locked_head()
    event.pk, event.previous, event.at = last_id + 1, last_signature, now()
    key_marks.ensure_may_sign(event.pk)
    event.key_id = next(iter(settings.AUDIT_KEYS))
    event.signature = chain.sign(settings.AUDIT_KEYS[event.key_id], chain.content(vars(event)))
    return last


def _prepared(event: AuditEvent, fields: "Sequence[Field[Any, Any]]") -> list[Any]:
    """Return columns of the line as the database takes them."""
    return [field.get_db_prep_save(getattr(event, field.attname), connection) for field in fields]


def _insert(line: Sequence[Any], key: int, named: str, mark: Statement) -> None:
    """Store the line with plain SQL, because other writers wait for the lock meanwhile.

    `line` has the columns of _OWN and _LINKED; `named` is a JSON list of [device, status], or
    empty.
    """
    statements = [(_line_sql(), line), mark]
    if named:
        statements.append((_devices_sql(), [key, named]))
    if connection.vendor == "postgresql":  # All in one round trip.
        texts, values = zip(*statements, strict=True)
        statements = [("; ".join(texts), [value for given in values for value in given])]
    with connection.cursor() as cursor:
        for text, given in statements:
            cursor.execute(text, given)


@cache
def _line_sql() -> str:
    names = [str(field.column) for field in (*_OWN, *_LINKED)]
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
