"""A trail of several years, chained and signed like the engine's, written in bulk."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.actor import Actor
from actions.inventory.models import DeviceAlias
from actions.ratelimit.states import Lane
from actions.trail import anchors, chain, guards, head
from actions.trail.models import AuditDevice, AuditEvent
from tests.bench import fleet, setup

DEVICES, EACH, PEOPLE = 20_000, 5, 300
"""Devices of the fleet, devices of a request, and users who submit."""

WORDS = (
    *("windows", "update", "weekend", "maintenance", "caller", "locked", "malware", "scan"),
    *("reimage", "travel", "contractor", "laptop", "replaced", "quarantine", "patch"),
    *("antivirus", "outdated", "approved", "pilot"),
)
KINDS = ("exempt", "unexempt", "delete", "dhcprenew", "fetch_agent_log")
COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields]
CODES = {CommandStatus.ACCEPTED: 1, CommandStatus.UNSUPPORTED: 0, CommandStatus.FAILED: -1}

EventData = dict[str, Any]


@dataclass(slots=True)
class _Request:
    """One request of the history, with the outcomes of its devices."""

    number: int
    uuid: UUID
    person: str
    kind: str
    reason: str
    ticket: str
    at: datetime
    outcomes: list[tuple[str, CommandStatus, str]] = field(default_factory=list)


def device_id(number: int) -> str:
    """Return the vendor id of a device."""
    return f"d{1_000_000 + number % DEVICES}"


def device_name(number: int) -> str:
    """Return the host name of a device."""
    return f"pc-{number % DEVICES:05}.corp.example"


def device_mac(number: int) -> str:
    """Return the MAC of a device."""
    text = f"02005e{number % DEVICES:06x}"
    return ":".join(text[at : at + 2] for at in range(0, 12, 2))


def build(records: int, commands: int) -> list[UUID]:
    """Write so many records; return the ids of the newest requests, which have commands.

    Older requests appear only in the trail, as after their deletion.
    """
    kept: list[_Request] = []
    history = _History(records)
    lines = history.lines(commands // EACH, kept)
    guards.drop_search_index(connection)
    with fleet.without_indexes(AuditEvent), fleet.without_indexes(AuditDevice):
        while rows := list(islice(lines, 5000)):
            _store(rows)
        _name_devices(history.first)
    head.set_mark(head.HEAD, history.last, history.previous)
    anchors.write_anchor()
    guards.create_search_index(connection)
    _store_requests(kept)
    _store_aliases()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return [action_request.uuid for action_request in kept]


class _History:
    """Generates signed lines: sign-in, submission, answer, read-back, and again."""

    def __init__(self, records: int) -> None:
        self.chance = random.Random(7)  # The same history each time.
        self.last, self.previous = head.head()
        self.end = self.last + records
        self.begin = now() - timedelta(seconds=30 * (records + 1))
        self.first = self.last

    def lines(self, newest: int, kept: list[_Request]) -> Iterator[tuple[Any, ...]]:
        """Yield rows of the table; append the newest requests to `kept`."""
        number = 0
        while self.last < self.end:
            action_request = self._request(number)
            number += 1
            wanted = list(self._events(action_request))
            if self.last + len(wanted) > self.end:
                wanted = wanted[:1] * (self.end - self.last)  # Fill up with sign-ins.
            elif (self.end - self.last) / 3.9 <= newest:
                kept.append(action_request)
            for event in wanted:
                yield self._signed(event)

    def _request(self, number: int) -> _Request:
        chance = self.chance
        action_request = _Request(
            number=number,
            uuid=UUID(int=chance.getrandbits(128), version=4),
            person=f"person{chance.randrange(PEOPLE)}",
            kind=chance.choice(KINDS),
            reason=" ".join(chance.sample(WORDS, 4)),
            ticket=f"CHG-{chance.randrange(100_000)}",
            at=self._timestamp(),
        )
        for place in range(EACH):
            name = device_id((number * EACH + place) * 7919)
            status = chance.choices(list(CODES), [950, 2, 48])[0]
            action_request.outcomes.append((name, status, f"{chance.getrandbits(128):032x}"))
        return action_request

    def _events(self, action_request: _Request) -> Iterator[EventData]:
        person = {
            "user_id": 7,
            "actor": action_request.person,
            "role": "operator",
            "source": "page",
        }
        person |= {"address": "10.1.2.3", "request_id": f"{self.chance.getrandbits(128):032x}"}
        signed_in = {"subject_kind": "person", "subject": action_request.person}
        yield {**person, **signed_in, "verb": "person.signed_in"}
        about = {
            "subject_kind": "request",
            "subject": str(action_request.uuid),
            "kind": action_request.kind,
        }
        targets = [name for name, *_ in action_request.outcomes]
        submission = {"params": {}, "addressing": "ids", "count": EACH, "targets": targets}
        submitted = {
            "reason": action_request.reason,
            "ticket": action_request.ticket,
            "data": submission | {"kind": action_request.kind},
        }
        yield {**person, **about, **submitted, "verb": "request.submitted", "count": EACH}
        devices = [
            {"target": name, "status": str(status), "code": CODES[status], "command_id": command}
            for name, status, command in action_request.outcomes
        ]
        answer: EventData = {
            "kind": action_request.kind,
            "call": action_request.number + 1,
            "http_status": 200,
        }
        answer |= {"devices": devices}
        yield {**about, "verb": "call.answered", "call": action_request.number + 1, "data": answer}
        if action_request.number % 10:
            shown = [line for line in devices if line["code"] == 1]
            if shown:
                confirmed = [{**line, "status": "confirmed"} for line in shown]
                data = {"kind": action_request.kind, "devices": confirmed}
                why = "Read back: the device shows the change."
                yield {**about, "verb": "readback.confirmed", "detail": why, "data": data}
                action_request.outcomes = [
                    (name, CommandStatus.CONFIRMED if CODES[status] == 1 else status, command)
                    for name, status, command in action_request.outcomes
                ]

    def _signed(self, event: EventData) -> tuple[Any, ...]:
        self.last += 1
        engine: EventData = {"user_id": None, "actor": "engine", "role": "", "source": "system"}
        blank = dict.fromkeys(("address", "request_id", "reason", "detail", "ticket", "kind"), "")
        data = event.get("data", {})
        line = {**engine, **blank, **chain.LATER, "call": None, "data": data, **event}
        line.setdefault("count", len(data["devices"]) if "devices" in data else None)
        line |= {"id": self.last, "at": self._timestamp(), "previous": self.previous}
        line["key_id"] = next(iter(settings.AUDIT_KEYS))
        content = chain.content(line)
        line["signature"] = self.previous = chain.sign(settings.AUDIT_KEYS[line["key_id"]], content)
        line["search_text"] = chain.search_text(line)
        line["lists_devices"] = "devices" in data
        line["data"] = json.dumps(data)
        return tuple(line[name] for name in COLUMNS)

    def _timestamp(self) -> datetime:
        return self.begin + timedelta(seconds=30 * (self.last - self.first))


def _store(rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    table = AuditEvent._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(COLUMNS))
            sql = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608
            cursor.executemany(sql, rows)


def _name_devices(after: int) -> None:
    """Fill the index of devices from the data of the lines."""
    part = (
        "line->>'target', line->>'status' FROM actions_auditevent e, "
        "jsonb_array_elements(e.data->'devices') AS lines(line)"
        if connection.vendor == "postgresql"
        else "json_extract(value, '$.target'), json_extract(value, '$.status') "
        "FROM actions_auditevent e, json_each(e.data, '$.devices')"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO actions_auditdevice (event_id, device_key, status) "
            f"SELECT e.id, {part} WHERE e.lists_devices AND e.id > %s ORDER BY e.id",
            [after],
        )


def _store_requests(kept: list[_Request]) -> None:
    operator = setup.operator()
    action_requests = ActionRequest.objects.bulk_create(
        [_request(action_request, operator) for action_request in kept], batch_size=1000
    )
    DeviceCommand.objects.bulk_create(
        (
            _command(stored, *outcome)
            for stored, action_request in zip(action_requests, kept, strict=True)
            for outcome in action_request.outcomes
        ),
        batch_size=2000,
    )


def _request(action_request: _Request, operator: Actor) -> ActionRequest:
    return ActionRequest(
        uuid=action_request.uuid,
        form_token=action_request.uuid,
        kind_name=action_request.kind,
        addressing="ids",
        coalesce_key="x",
        lane=Lane.NORMAL,
        device_count=EACH,
        reason=action_request.reason,
        ticket=action_request.ticket,
        user_id=operator.user_id,
        actor=action_request.person,
        role="operator",
        source="page",
        created_at=action_request.at,
    )


def _command(
    stored: ActionRequest, name: str, status: CommandStatus, command: str
) -> DeviceCommand:
    times = dict.fromkeys(("due_at", "moved_at", "created_at", "settled_at"), stored.created_at)
    code = CODES.get(status, 1)
    return DeviceCommand(
        request=stored,
        target=name,
        device_key=name,
        status=status,
        lane=Lane.NORMAL,
        attempts=1,
        vendor_status=code,
        command_id=command,
        **times,
    )


def _store_aliases() -> None:
    DeviceAlias.objects.bulk_create(
        (
            DeviceAlias(device_key=device_id(number), text=text)
            for number in range(DEVICES)
            for text in (device_id(number), device_name(number), device_mac(number))
        ),
        batch_size=5000,
    )
