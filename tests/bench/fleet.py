"""A large fleet with a long history, generated in SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import connection, models, transaction
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.inventory.models import Device
from actions.ratelimit.states import Lane
from tests.bench import setup

EACH = 5000
"""Devices in one request of the history."""

TEXTS = {
    "vendor_id": "'d' || (1000000 + i)",
    "name": "'PC-' || (1000000 + i * 7919 % 1000000)",
    "host_name": "'pc-' || (1000000 + i * 7919 % 1000000) || '.corp.example'",
    "status": "CASE WHEN i % 100 < 70 THEN 'compliant' WHEN i % 100 < 77 THEN 'non_compliant' "
    "WHEN i % 100 < 84 THEN 'exempted' ELSE 'unknown' END",
    "severity": "CASE WHEN i % 9 = 0 THEN 'critical' WHEN i % 4 = 0 THEN 'warning' "
    "ELSE 'no_issues' END",
    "device_type": "CASE WHEN i % 3 = 0 THEN 'desktop' WHEN i % 11 = 0 THEN 'server' "
    "ELSE 'laptop' END",
    "os_family": "CASE WHEN i % 5 = 0 THEN 'macos' ELSE 'windows' END",
    "os_name": "CASE WHEN i % 5 = 0 THEN 'macOS 15' ELSE 'Windows ' || (10 + i % 2) || ' Pro' END",
    "agent_type": "CASE WHEN i % 20 = 0 THEN 'on_demand' ELSE 'persistent' END",
    "agent_version": "'7.' || (i % 9) || '.' || (100 + i % 700)",
    "agent_version_key": "'0000000' || 7 || '0000000' || (i % 9) || '00000' || (100 + i % 700) "
    "|| '00000000'",
    "group_name": "'Group ' || (i % 40)",
    "user_name": "'user' || (i % 30011) || '@corp.example'",
    "ip": "'10.' || (i % 64) || '.' || (i % 251) || '.' || (i % 253)",
    "public_ip": "'203.0.113.' || (i % 32)",
}


def build(devices: int, commands_each: int) -> list[ActionRequest]:
    """Make devices with so many commands each; return the requests, the newest first."""
    make_devices(devices)
    action_requests = _make_requests(commands_each * -(-devices // EACH))
    with without_indexes(DeviceCommand):
        _make_commands(action_requests, devices, commands_each)
    with connection.cursor() as cursor:
        # PostgreSQL's autovacuum would do this automatically a minute later.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return action_requests


@contextmanager
def without_indexes(model: type[models.Model]) -> Iterator[None]:
    """Drop the indexes and create them afterwards: row by row takes ten times as long."""
    with connection.schema_editor(atomic=False) as editor:
        for index in model._meta.indexes:
            editor.remove_index(model, index)
    yield
    with connection.schema_editor(atomic=False) as editor:
        for index in model._meta.indexes:
            editor.add_index(model, index)


def make_devices(count: int) -> None:
    """Make devices with the ids d1000001 and following, with varied fields."""
    search = " || char(10) || ".join(
        f"lower({TEXTS[name]})"
        for name in ("name", "host_name", "vendor_id", "ip", "public_ip", "user_name", "group_name")
    )
    values = TEXTS | {"search_text": search, "read_at": "%s", "last_seen": _ago("i * 37 % 5000000")}
    values |= {f"{name}_key": f"lower({TEXTS[name]})" for name in ("name", "host_name")}
    values |= {"enrolled_at": _ago("i * 613 % 70000000")}
    _insert(
        Device,
        values,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)",
        "n",
        {"read_at": [now()]},
        [count],
    )


def _make_requests(count: int) -> list[ActionRequest]:
    actor, created_at = setup.operator(), now()
    action_requests = [
        ActionRequest(
            form_token=uuid4(),
            kind_name="exempt" if number % 2 else "unexempt",
            addressing="ids",
            coalesce_key="x",
            lane=Lane.NORMAL,
            device_count=EACH,
            reason="because a measurement says so",
            user_id=actor.user_id,
            actor=actor.name,
            role=actor.role,
            source=actor.source,
            created_at=created_at - timedelta(hours=number),
        )
        for number in range(count)
    ]
    return ActionRequest.objects.bulk_create(action_requests)


def _make_commands(action_requests: list[ActionRequest], devices: int, each: int) -> None:
    """Each device has one command in one request of each of so many rounds."""
    first, requests = action_requests[0].pk, -(-devices // EACH)
    status = "CASE WHEN (place + k) % 50 < 45 THEN 'accepted' ELSE 'failed' END"
    number = f"(k * {requests} + (place - 1) / {EACH})"
    then = _ago(f"{number} * 3600")  # As old as its request.
    values = {
        "request_id": f"{first} + {number}",
        "device_id": "d.id",
        "target": "d.vendor_id",
        "device_key": "d.vendor_id",
        "device_name": "d.name",
        "device_vendor_id": "d.vendor_id",
        "status": status,
        "lane": str(int(Lane.NORMAL)),
        "attempts": "1",
        **dict.fromkeys(("due_at", "moved_at", "created_at", "settled_at"), then),
    }
    _insert(
        DeviceCommand,
        values,
        "WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k < %s)",
        "n CROSS JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM actions_device) d",
        {},
        [each - 1],
    )


def _insert(
    model: type[models.Model],
    values: dict[str, str],
    head: str,
    source: str,
    params: dict[str, list[Any]],
    before: list[Any],
) -> None:
    """INSERT ... SELECT; a column without a value gets its database default, or is empty."""
    filled = dict(values)
    for field in model._meta.concrete_fields:
        column = str(field.column)
        has_default = field.null or field.primary_key or field.has_db_default()
        if column not in filled and not has_default:
            filled[column] = _blank(field)
    columns = ", ".join(filled)
    given = [value for name in filled for value in params.get(name, [])]
    sql = (  # All names are those of our own models.
        f"INSERT INTO {model._meta.db_table} ({columns}) {head} "  # noqa: S608
        f"SELECT {', '.join(filled.values())} FROM {source}"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_portable(sql), [*before, *given])


def _blank(field: "models.Field[Any, Any]") -> str:
    if isinstance(field, models.BooleanField):
        return "false"
    return "0" if isinstance(field, models.IntegerField) else "''"


def _ago(seconds: str) -> str:
    """Return the SQL of the time so many seconds ago."""
    if connection.vendor == "postgresql":
        return f"now() - ({seconds}) * interval '1 second'"
    return f"datetime('now', '-' || ({seconds}) || ' seconds')"


def _portable(sql: str) -> str:
    """Escape the modulo operators; PostgreSQL's char() is chr()."""
    sql = sql.replace(" % ", " %% ")
    return sql.replace("char(10)", "chr(10)") if connection.vendor == "postgresql" else sql
