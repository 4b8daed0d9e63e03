"""Reads for the audit pages: results of a query, newest first, page by page."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Literal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import StrIndex

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.audit.models import AuditJob, AuditStream
from actions.audit.query import AuditQuery
from actions.inventory.models import DeviceAlias
from actions.inventory.names import name_key
from actions.macs import normalise_mac
from actions.ratelimit.models import VendorCall
from actions.trail import guards
from actions.trail.models import AuditDevice, AuditEvent

MAX_DEVICES = 50
"""Devices that a part of a name may match; further ones are left out."""

CHUNK = 500

RECENT_LINES = 20_000
"""Newest lines that are scanned in their order before the indexes are asked for the older ones."""

Plan = Literal["any", "scan", "indexes"]
"""How the database shall find lines: as it likes; by a scan of few lines, newest first; or by the
indexes of the conditions, with a sort of what they find."""

Events = QuerySet[AuditEvent]


def listed(
    query: AuditQuery,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = 50,
    recent: int = RECENT_LINES,
) -> list[AuditEvent]:
    """Return a page of lines: the newest before `before`, or the next ones after `after`."""
    several = query.q or query.outcome or len(query.values) > 1
    if several and after is None and not query.device:
        return _recent_then_older(query, before=before, size=size, recent=recent)
    return _paged(_light(_matching(query)), query, before=before, after=after, size=size)


def _light(events: Events) -> Events:
    """Leave out `data`, which may name a hundred thousand devices, except what a list shows."""
    shown = {name: F(f"data__{name}") for name in ("params", "problems", "api")}
    return events.defer("data", "search_text").annotate(**shown)


def of_device(
    keys: list[str], requests: Iterable[ActionRequest], size: int = 50
) -> list[AuditEvent]:
    """Return the latest lines that name a device by any of its keys, or are about its requests."""
    named = AuditDevice.objects.filter(device_key__in=keys).order_by("-event")
    of_device, of_requests = _about(keys, [str(each.uuid) for each in requests])
    ids = list(named.values_list("event", flat=True)[:size])
    events = _light(AuditEvent.objects.filter(Q(pk__in=ids) | of_device | of_requests))
    return list(events.order_by("-pk")[:size])


def of_subject(kind: str, subject: str, limit: int = 50) -> list[AuditEvent]:
    """Return the latest lines about one subject."""
    return list(AuditEvent.objects.filter(subject_kind=kind, subject=subject)[:limit])


def _about(keys: list[str], requests: list[str]) -> tuple[Q, Q]:
    """Return the lines about a device itself, and those about its requests that list no devices."""
    of_device = Q(subject_kind="device", subject__in=keys)
    return of_device, Q(subject_kind="request", subject__in=requests, lists_devices=False)


def _paged(
    events: Events, query: AuditQuery, *, before: int | None, after: int | None, size: int
) -> list[AuditEvent]:
    if query.device:
        keys = device_keys(query.device)
        return _of_keys(events, keys, before=before, after=after, size=size)
    return _page(events, before=before, after=after, size=size)


def _recent_then_older(
    query: AuditQuery, *, before: int | None, size: int, recent: int
) -> list[AuditEvent]:
    """Return the newest lines of a query that no single index answers in its order.

    That is a query for a text or an outcome, or one with several conditions.

    A database that expects many matches scans the primary key until the page is full; if there
    are few, it reads the whole table. So only the `recent` newest lines are scanned, and the
    indexes of the conditions find the rest of the page.
    """
    events = _light(_matching(query, "scan"))
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    end = newest + 1 if before is None else min(before, newest + 1)
    found = _page(events.filter(pk__gte=end - recent), before=end, after=None, size=size)
    if len(found) < size and end > recent:
        older = _matching(query, "indexes").filter(pk__lt=end - recent)
        ids = _newest_ids_by_indexes(older, size - len(found))
        found += events.filter(pk__in=ids).order_by("-pk")
    return found


def _newest_ids_by_indexes(events: Events, size: int) -> list[int]:
    """Return the newest ids, without a scan of the primary key.

    The order is by the expression `pk + 0`, for which no index exists. So the database cannot
    read the primary key in order; it must use the other indexes and sort what they find.
    """
    ids = events.order_by((F("pk") + 0).desc()).values_list("pk", flat=True)[:size]
    with ExitStack() as stack:
        if connection.vendor == "postgresql":
            # A bitmap scan that needs more than work_mem (4 MB by default) keeps only page
            # numbers, and must then check each row of those pages again, which is slow.
            stack.enter_context(transaction.atomic())
            stack.enter_context(connection.cursor()).execute("SET LOCAL work_mem = '32MB'")
        return list(ids)


def _page(events: Events, *, before: int | None, after: int | None, size: int) -> list[AuditEvent]:
    if after is not None:
        return list(events.filter(pk__gt=after).order_by("pk")[:size])[::-1]
    if before is not None:
        events = events.filter(pk__lt=before)
    return list(events.order_by("-pk")[:size])


def oldest_first(query: AuditQuery, upto: int) -> Iterator[AuditEvent]:
    """Yield all lines of a query up to this id, for an export."""
    last = 0
    while True:
        found = _paged(_matching(query), query, before=None, after=last, size=CHUNK)
        yield from (event for event in found[::-1] if event.pk <= upto)
        if len(found) < CHUNK or found[0].pk >= upto:
            return
        last = found[0].pk


def _matching(query: AuditQuery, plan: Plan = "any") -> Events:
    """Return the lines that match, written so that the database follows the plan."""
    events = AuditEvent.objects.all()
    columns = {
        "verb": query.verb,
        "kind": query.kind,
        "source": query.source,
        "request_id": query.http_request_id,
        "call": int(query.call) if query.call else None,
        "at__gte": query.starts_at,
        "at__lt": query.ends_at,
    }
    events = events.filter(**{name: value for name, value in columns.items() if value})
    if query.person:
        events = events.filter(_by(query.person))
    if query.call:
        events = events.filter(call__gt=0)  # So that SQLite can use the partial index.
    if query.request:
        events = events.filter(subject_kind="request", subject=query.request)
    if query.outcome:
        named = AuditDevice.objects.filter(status=query.outcome)
        each = Exists(named.filter(event=OuterRef("pk")))
        events = events.filter(Q(pk__in=named.values("event")) if plan == "indexes" else each)
    text = query.q.lower()
    if text and plan == "scan":  # A call of a function keeps the database from the text index.
        return events.alias(position=StrIndex("search_text", Value(text))).filter(position__gt=0)
    return _with_text(events, text) if text else events


def _by(person: str) -> Q:
    """Return the condition of lines by a person, or in the name of a person.

    Few lines are in somebody's name. Without any, one index answers in the order of the page.
    """
    named = Q(on_behalf_of=person)
    if AuditEvent.objects.filter(named).exclude(on_behalf_of="").exists():
        return Q(actor=person) | named
    return Q(actor=person)


def _with_text(events: Events, text: str) -> Events:
    """Return the lines that contain a text, by the trigram index if there is one."""
    events = events.filter(search_text__contains=text)
    if connection.vendor == "sqlite" and len(text) >= 3 and guards.has_search_index(connection):
        trigrams = dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2))
        quoted = " AND ".join('"' + each.replace('"', '""') + '"' for each in list(trigrams)[:30])
        index = guards.SEARCH_INDEX
        ids = f"SELECT rowid FROM {index} WHERE {index} MATCH %s"  # noqa: S608
        events = events.filter(pk__in=RawSQL(ids, [quoted]))  # noqa: S611
    return events


def device_keys(text: str) -> list[str]:
    """Return the keys of devices that have or had this name, id or MAC, exactly or else in part."""
    name = name_key(normalise_mac(text) or text)
    aliases = DeviceAlias.objects.order_by()
    exact = list(aliases.filter(text=name).values_list("device_key", flat=True))
    if not exact:
        commands = DeviceCommand.objects.filter(Q(device_key=text) | Q(device_key=name.upper()))
        exact = list(commands.order_by().values_list("device_key", flat=True).distinct()[:2])
    if exact:
        return list(dict.fromkeys(exact))
    part = aliases.filter(text__contains=name).values_list("device_key", flat=True).distinct()
    return list(part[:MAX_DEVICES])


def _of_keys(
    events: Events, keys: list[str], *, before: int | None, after: int | None, size: int
) -> list[AuditEvent]:
    """Return a page of the lines about a device, each with its status there as `device_status`."""
    named = AuditDevice.objects.filter(device_key__in=keys)
    request_ids = DeviceCommand.objects.filter(device_key__in=keys).values("request")
    requests = ActionRequest.objects.filter(pk__in=request_ids).values_list("uuid", flat=True)
    of_device, of_requests = _about(keys, [str(uuid) for uuid in requests])
    naming = events.filter(pk__in=named.values("event"))
    found = _page(naming, before=before, after=after, size=size)
    found += _page(events.filter(of_requests), before=before, after=after, size=size)
    found += _page(events.filter(of_device), before=before, after=after, size=size)
    unique = {event.pk: event for event in found}
    statuses = named.filter(event__in=unique).values_list("event_id", "status")
    for event_id, status in statuses:
        unique[event_id].device_status = status  # type: ignore[attr-defined]  # For the template alone.
    ids = sorted(unique, reverse=True)
    ids = ids[-size:] if after is not None else ids[:size]
    return [unique[event_id] for event_id in ids]


def event(number: int) -> AuditEvent | None:
    """Return a line by its id, or None."""
    return AuditEvent.objects.filter(pk=number).first()


def linked(event: AuditEvent) -> dict[str, Any]:
    """Return a line's neighbours in the chain, and the request and call that it is about."""
    older = AuditEvent.objects.filter(pk__lt=event.pk).order_by("-pk").first()
    newer = AuditEvent.objects.filter(pk__gt=event.pk).order_by("pk").first()
    uuid = _uuid(event.subject) if event.subject_kind == "request" else None
    action_request = ActionRequest.objects.filter(uuid=uuid).first() if uuid else None
    call = VendorCall.objects.filter(pk=event.call).first() if event.call else None
    return {"older": older, "newer": newer, "action_request": action_request, "call": call}


def named_devices(event: AuditEvent, limit: int = 200) -> list[dict[str, Any]]:
    """Return the first devices of a line, each with its outcome there."""
    devices = event.data.get("devices")
    lines: list[dict[str, Any]] = devices[:limit] if isinstance(devices, list) else []
    status = event.data.get("status", "")
    for target in event.data.get("targets", ())[: limit - len(lines)]:
        lines.append({"target": target, "status": status})
    return lines


def other_details(event: AuditEvent) -> str:
    """Return the data of a line without its devices, as indented JSON."""
    rest = {key: value for key, value in event.data.items() if key not in ("devices", "targets")}
    return json.dumps(rest, indent=1) if rest else ""


def jobs(limit: int = 10) -> list[AuditJob]:
    """Return the latest checks and exports."""
    return list(AuditJob.objects.all()[:limit])


def job(token: UUID) -> AuditJob | None:
    """Return a check or export, or None."""
    return AuditJob.objects.filter(uuid=token).first()


def last_check() -> AuditJob | None:
    """Return the latest check, which may be running."""
    return AuditJob.objects.filter(kind=AuditJob.Kind.CHECK).first()


def streams() -> list[AuditStream]:
    """Return how far the trail has been streamed to each target."""
    return list(AuditStream.objects.order_by("target"))


def _uuid(text: str) -> UUID | None:
    return UUID(text) if re.fullmatch(r"[0-9a-fA-F-]{32,36}", text) else None
