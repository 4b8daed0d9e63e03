"""What the audit pages show: answers to queries, newest first, page by page."""

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
from actions.macs import normalise_mac
from actions.ratelimit.models import VendorCall
from actions.trail import guards
from actions.trail.models import AuditDevice, AuditEvent

MAX_DEVICES = 50
"""Devices that a part of a name may mean before it must be told more exactly."""

CHUNK = 500

NEAR = 20_000
"""Newest lines that are looked through first, where no one index holds the answer in its order."""

Events = QuerySet[AuditEvent]


def listed(
    query: AuditQuery,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = 50,
    near: int = NEAR,
) -> list[AuditEvent]:
    """A page of the answer: the newest lines before `before`, or the next ones after `after`."""
    several = query.q or query.outcome or len(query.view()) > 1
    scattered = several and after is None and not query.device
    events = _light(_matching(query, "walk" if scattered else ""))
    if scattered:
        return _scattered(events, query, before=before, size=size, near=near)
    return _paged(events, query, before=before, after=after, size=size)


def _light(events: Events) -> Events:
    """The details may hold a hundred thousand devices: a list takes what it shows."""
    shown = {name: F(f"data__{name}") for name in ("params", "problems", "api")}
    return events.defer("data", "search_text").annotate(**shown)


def of_device(keys: list[str], wishes: Iterable[ActionRequest], size: int = 50) -> list[AuditEvent]:
    """The latest lines that name a device, by any of its keys, or tell of its requests whole."""
    named = AuditDevice.objects.filter(device_key__in=keys).order_by("-event")
    itself, whole = _about(keys, [str(wish.uuid) for wish in wishes])
    places = list(named.values_list("event", flat=True)[:size])
    events = _light(AuditEvent.objects.filter(Q(pk__in=places) | itself | whole))
    return list(events.order_by("-pk")[:size])


def _about(keys: list[str], requests: list[str]) -> tuple[Q, Q]:
    """Lines about a device itself, and those about its requests that list no devices."""
    itself = Q(subject_kind="device", subject__in=keys)
    return itself, Q(subject_kind="request", subject__in=requests, lists_devices=False)


def _paged(
    events: Events, query: AuditQuery, *, before: int | None, after: int | None, size: int
) -> list[AuditEvent]:
    if query.device:
        keys = device_keys(query.device)
        return _of_keys(events, keys, before=before, after=after, size=size)
    return _page(events, before=before, after=after, size=size)


def _scattered(
    events: Events, query: AuditQuery, *, before: int | None, size: int, near: int
) -> list[AuditEvent]:
    """The newest lines, where no one index holds the answer in its order.

    A database that expects many such lines walks along the key until it has enough of them; if
    there are none, through all. So it walks a little, and the rest is put together from indexes.
    """
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    end = newest + 1 if before is None else min(before, newest + 1)
    found = _page(events.filter(pk__gte=end - near), before=end, after=None, size=size)
    if len(found) < size and end > near:
        older = _matching(query, "gather").filter(pk__lt=end - near)
        places = _gathered(older, size - len(found))
        found += events.filter(pk__in=places).order_by("-pk")
    return found


def _gathered(events: Events, size: int) -> list[int]:
    """The newest of them without a walk: an order by a sum is one that no index has."""
    places = events.order_by((F("pk") + 0).desc()).values_list("pk", flat=True)[:size]
    with ExitStack() as stack:
        if connection.vendor == "postgresql":
            # With the usual 4 MB it would forget which rows of a page the indexes have named.
            stack.enter_context(transaction.atomic())
            stack.enter_context(connection.cursor()).execute("SET LOCAL work_mem = '32MB'")
        return list(places)


def _page(events: Events, *, before: int | None, after: int | None, size: int) -> list[AuditEvent]:
    if after is not None:
        return list(events.filter(pk__gt=after).order_by("pk")[:size])[::-1]
    if before is not None:
        events = events.filter(pk__lt=before)
    return list(events.order_by("-pk")[:size])


def oldest_first(query: AuditQuery, upto: int) -> Iterator[AuditEvent]:
    """The whole answer, up to this line, for an export."""
    last = 0
    while True:
        found = _paged(_matching(query), query, before=None, after=last, size=CHUNK)
        yield from (event for event in found[::-1] if event.pk <= upto)
        if len(found) < CHUNK or found[0].pk >= upto:
            return
        last = found[0].pk


def _matching(query: AuditQuery, way: Literal["", "walk", "gather"] = "") -> Events:
    """All lines that answer; asked so that each is looked at, or all are put together."""
    events = AuditEvent.objects.all()
    plain = {
        "actor": query.person,
        "verb": query.verb,
        "kind": query.kind,
        "source": query.source,
        "request_id": query.click,
        "call": int(query.call) if query.call else None,
        "at__gte": query.first_moment,
        "at__lt": query.last_moment,
    }
    events = events.filter(**{name: value for name, value in plain.items() if value})
    if query.call:
        events = events.filter(call__gt=0)  # Else SQLite does not see that the index is enough.
    if query.request:
        events = events.filter(subject_kind="request", subject=query.request)
    if query.outcome:
        told = AuditDevice.objects.filter(status=query.outcome)
        each = Exists(told.filter(event=OuterRef("pk")))
        events = events.filter(Q(pk__in=told.values("event")) if way == "gather" else each)
    words = query.q.lower()
    if words and way == "walk":  # Of a few lines, without the index of all.
        return events.alias(place=StrIndex("search_text", Value(words))).filter(place__gt=0)
    return _with_words(events, words) if words else events


def _with_words(events: Events, words: str) -> Events:
    """Lines with this text in them; where there is an index of trigrams, it is asked first."""
    events = events.filter(search_text__contains=words)
    if connection.vendor == "sqlite" and len(words) >= 3 and guards.has_words(connection):
        grams = dict.fromkeys(words[at : at + 3] for at in range(len(words) - 2))
        wanted = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in list(grams)[:30])
        found = f"SELECT rowid FROM {guards.WORDS} WHERE {guards.WORDS} MATCH %s"  # noqa: S608
        events = events.filter(pk__in=RawSQL(found, [wanted]))  # noqa: S611
    return events


def device_keys(text: str) -> list[str]:
    """The devices that are or ever were called so, exactly or else in part; few, or none."""
    name = (normalise_mac(text) or text).lower()
    aliases = DeviceAlias.objects.order_by()
    exact = list(aliases.filter(text=name).values_list("device_key", flat=True))
    if not exact:
        asked = DeviceCommand.objects.filter(Q(device_key=text) | Q(device_key=name.upper()))
        exact = list(asked.order_by().values_list("device_key", flat=True).distinct()[:2])
    if exact:
        return list(dict.fromkeys(exact))
    part = aliases.filter(text__contains=name).values_list("device_key", flat=True).distinct()
    return list(part[:MAX_DEVICES])


def _of_keys(
    events: Events, keys: list[str], *, before: int | None, after: int | None, size: int
) -> list[AuditEvent]:
    """Lines that name the device, and those about its requests as a whole, in one order."""
    named = AuditDevice.objects.filter(device_key__in=keys)
    wishes = DeviceCommand.objects.filter(device_key__in=keys).values("request")
    subjects = [
        str(uuid)
        for uuid in ActionRequest.objects.filter(pk__in=wishes).values_list("uuid", flat=True)
    ]
    itself, whole = _about(keys, subjects)
    wanted = events.filter(pk__in=named.values("event"))
    found = _page(wanted, before=before, after=after, size=size)
    found += _page(events.filter(whole), before=before, after=after, size=size)
    found += _page(events.filter(itself), before=before, after=after, size=size)
    unique = {event.pk: event for event in found}
    told = named.filter(event__in=unique).values_list("event_id", "status")
    for place, status in told:
        unique[place].told = status  # type: ignore[attr-defined]  # What it tells of this device.
    places = sorted(unique, reverse=True)
    places = places[-size:] if after is not None else places[:size]
    return [unique[place] for place in places]


def event(number: int) -> AuditEvent | None:
    """One line."""
    return AuditEvent.objects.filter(pk=number).first()


def linked(event: AuditEvent) -> dict[str, Any]:
    """What a line is about, and its neighbours in the chain."""
    older = AuditEvent.objects.filter(pk__lt=event.pk).order_by("-pk").first()
    newer = AuditEvent.objects.filter(pk__gt=event.pk).order_by("pk").first()
    uuid = _uuid(event.subject) if event.subject_kind == "request" else None
    action_request = ActionRequest.objects.filter(uuid=uuid).first() if uuid else None
    call = VendorCall.objects.filter(pk=event.call).first() if event.call else None
    return {"older": older, "newer": newer, "action_request": action_request, "call": call}


def named_devices(event: AuditEvent, most: int = 200) -> list[dict[str, Any]]:
    """The devices of a line, each with what it tells of it; the first ones of very many."""
    devices = event.data.get("devices")
    lines: list[dict[str, Any]] = devices[:most] if isinstance(devices, list) else []
    status = event.data.get("status", "")
    for target in event.data.get("targets", ())[: most - len(lines)]:
        lines.append({"target": target, "status": status})
    return lines


def other_details(event: AuditEvent) -> str:
    """The details less its devices, as they are stored, a line for each."""
    rest = {key: value for key, value in event.data.items() if key not in ("devices", "targets")}
    return json.dumps(rest, indent=1) if rest else ""


def jobs(most: int = 10) -> list[AuditJob]:
    """The latest checks and exports."""
    return list(AuditJob.objects.all()[:most])


def job(token: UUID) -> AuditJob | None:
    """One check or export."""
    return AuditJob.objects.filter(uuid=token).first()


def last_check() -> AuditJob | None:
    """The check that runs, or the last one."""
    return AuditJob.objects.filter(kind=AuditJob.Kind.CHECK).first()


def streams() -> list[AuditStream]:
    """How far the trail has been shipped to each target."""
    return list(AuditStream.objects.order_by("target"))


def _uuid(text: str) -> UUID | None:
    return UUID(text) if re.fullmatch(r"[0-9a-fA-F-]{32,36}", text) else None


def of_subject(kind: str, subject: str, limit: int = 50) -> list[AuditEvent]:
    """The latest lines about one thing."""
    return list(AuditEvent.objects.filter(subject_kind=kind, subject=subject)[:limit])
