"""How fast the audit trail is written concurrently, verified, and queried."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.audit.findings import VerificationReport
from actions.audit.verify import verify
from actions.roles import Role
from actions.trail import head, trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from dashboard.models import User
from tests.bench import long_trail
from tests.bench.client import PageClient
from tests.bench.result import Line, duration, spread

RATE, SECONDS_TO_VERIFY, SECONDS_TO_ANSWER = 500, 60.0, 0.3
WRITERS, NAMED, TRIES = 4, 5, 20


@dataclass(frozen=True, slots=True)
class Query:
    """One kind of query with other values for each try; at least `least` lines match."""

    who: str
    parts: Callable[[int], dict[str, Any]]
    least: int = 1


def trails(*, quick: bool) -> list[Line]:
    """Four processes write at once; then 1,000,000 records are verified and queried.

    Each event names five devices; it is recorded in a transaction of its own, and then ten in
    each. The time counts from when all writers are ready to when the last one is done, and the
    chain must be whole afterwards. On SQLite each transaction ends with a sync of the disk, so
    the disk's own syncs per second are shown as well; the PostgreSQL of the tests never waits
    for the disk. Then the trail is filled up in bulk to 1,000,000 records with real signatures,
    with 20,000 existing commands (a tenth of all this when quick), and `audit_verify` walks it
    from end to end. Each kind of query is sent to the real page in this process, 20 times with
    other values (8 when quick): what is measured is the server's time with its templates, and
    the 95th percentile is compared with the bound.
    """
    records, commands, tries = (100_000, 2_000, 8) if quick else (1_000_000, 20_000, TRIES)
    lines = [
        _written("one event in a transaction", 300 if quick else 1500, 1),
        _written("ten events in a transaction", 300 if quick else 1500, 10),
        _whole(verify()),
    ]
    if connection.vendor == "sqlite":
        lines.append(_disk())
    before = AuditEvent.objects.count()
    action_requests = long_trail.build(records - before, commands)
    lines.append(_verified(records, bounded=not quick))
    client = _auditor()
    for query in _page_queries(action_requests, before):
        lines.append(_answered(client, query, tries, bounded=not quick))
    return lines


# Many writers.


def _written(who: str, each: int, together: int) -> Line:
    """Measure events per second from the first writer's start to the last one's end."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    barrier, times = fork.Barrier(WRITERS), fork.SimpleQueue()
    writers = [
        fork.Process(target=_write, args=(barrier, times, each, together)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    spans = [times.get() for _ in writers]
    for writer in writers:
        writer.join()
    took = max(end for _, end in spans) - min(start for start, _ in spans)
    rate = WRITERS * each / took
    text = f"{rate:,.0f} events/s ({WRITERS} processes, {WRITERS * each:,} events)"
    return Line(who, text, rate, f"≥ {RATE} /s", rate >= RATE)


def _write(barrier: Barrier, times: Any, each: int, together: int) -> None:
    actor = Actor(name="oscar", role=Role.OPERATOR, source="page", user_id=1, address="10.1.2.3")
    uuid = str(uuid4())
    head.head()  # Connects before the clock starts.
    barrier.wait()
    start = time.monotonic()
    for first in range(0, each, together):
        with transaction.atomic():
            for number in range(first, first + together):
                _record(actor, uuid, number)
    times.put((start, time.monotonic()))
    connections.close_all()


def _record(actor: Actor, uuid: str, number: int) -> None:
    names = [long_trail.device_id(NAMED * number + place) for place in range(NAMED)]
    trail.record(
        actor,
        Verb.CALL_ANSWERED,
        subject_kind="request",
        subject=uuid,
        kind="exempt",
        call=number + 1,
        http_status=200,
        devices=[
            {"target": name, "status": "accepted", "code": 1, "command_id": uuid} for name in names
        ],
        device_statuses=[(name, "accepted") for name in names],
    )


def _whole(report: VerificationReport) -> Line:
    """Report whether the chain verifies: nothing missing, nothing changed."""
    found = "; ".join(map(str, report.findings[:2])) or "no findings"
    who = "the chain that they wrote"
    text = f"{report.records:,} records: {found}"
    return Line(who, text, len(report.findings), "whole", not report.findings)


def _disk() -> Line:
    """Measure how many fsyncs per second the idle disk does."""
    tries = 200
    with tempfile.TemporaryFile(dir=settings.DATA_DIR, buffering=0) as file:
        start = time.monotonic()
        for _ in range(tries):
            file.write(bytes(4096))
            os.fsync(file)
        rate = tries / (time.monotonic() - start)
    return Line("the disk alone", f"{rate:,.0f} syncs/s", rate)


# The whole trail.


def _verified(records: int, *, bounded: bool) -> Line:
    start, cpu = time.perf_counter(), time.process_time()
    report = verify()
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    if report.findings or report.records != records:
        raise RuntimeError(
            f"{report.records} records: {[str(each) for each in report.findings[:3]]}"
        )
    text = f"{duration(took)}, {took / records * 1e6:.0f} µs each (CPU {duration(cpu)})"
    kept = took < SECONDS_TO_VERIFY if bounded else None
    bound = f"< {SECONDS_TO_VERIFY:g} s" if bounded else ""
    return Line(f"verify {records:,} records", text, took, bound, kept)


# The audit page.


def _page_queries(action_requests: list[UUID], first: int) -> Iterator[Query]:
    words, device = long_trail.WORDS, long_trail.device_id
    day = now().date().isoformat()
    yield Query("no filter: the newest", lambda n: {})
    yield Query("device by id", lambda n: {"device": device(n * 701)})
    yield Query("device by MAC", lambda n: {"device": long_trail.device_mac(n * 701)})
    yield Query("device by name", lambda n: {"device": long_trail.device_name(n * 701)})
    yield Query("device by a part of its name", lambda n: {"device": f"pc-{n * 37:04}"[:6]})
    yield Query("device and time", lambda n: {"device": device(n * 701), "until": day})
    yield Query("person", lambda n: {"person": f"person{n}"})
    yield Query("kind", lambda n: {"kind": long_trail.KINDS[n % 5]})
    yield Query("kind and person", lambda n: {"kind": "delete", "person": f"person{n}"})
    yield Query("source: none", lambda n: {"source": "command"}, 0)
    yield Query("event and kind: none", lambda n: {"verb": "person.signed_in", "kind": "delete"}, 0)
    yield Query("outcome", lambda n: {"outcome": ("failed", "unsupported", "confirmed")[n % 3]})
    yield Query("outcome and kind", lambda n: {"outcome": "unsupported", "kind": "delete"})
    yield Query(
        "outcome and person: none", lambda n: {"outcome": "failed", "person": f"person{n}"}, 0
    )
    yield Query("a word of the reason", lambda n: {"q": words[n % len(words)]})
    yield Query(
        "two words of the reason", lambda n: {"q": f"{words[n % 9]} {words[(n + 4) % 9]}"}, 0
    )
    yield Query("a word that is nowhere", lambda n: {"q": f"nowhere{n}"}, 0)
    yield Query("a word and an event", lambda n: {"q": words[n % 9], "verb": "request.submitted"})
    yield Query(
        "a word and an event: none", lambda n: {"q": words[n % 9], "verb": "call.answered"}, 0
    )
    yield Query("ticket", lambda n: {"q": f"chg-{n * 4711 % 100_000}"}, 0)
    yield Query("time", lambda n: {"until": day})
    yield Query("time and person", lambda n: {"until": day, "person": f"person{n}"})
    yield Query("request", lambda n: {"request": action_requests[n * 7 % len(action_requests)]})
    yield Query("call", lambda n: {"call": n * 97})
    yield Query("free text", lambda n: {"q": f"signed in\nperson{n}"})
    last = first + 1000  # In the bulk part about fifty of 1,000 records contain a word.
    yield Query("last page of a kind", lambda n: {"kind": "delete", "before": last + n})
    yield Query("last page of a word", lambda n: {"q": words[n % 9], "before": last + n})
    yield Query("last page of an outcome", lambda n: {"outcome": "confirmed", "before": last + n})


def _answered(client: PageClient, query: Query, tries: int, *, bounded: bool) -> Line:
    times = []
    for number in range(1, tries + 1):
        url = "/audit/?" + urlencode(query.parts(number))
        start = time.perf_counter()
        answer = client.get(url)
        times.append(time.perf_counter() - start)
        if answer.status_code != 200 or answer.content.count(b'id="event-') < query.least:
            raise RuntimeError(f"{url} answered {answer.status_code}, or nothing was found")
    took = spread(times)
    kept = took.p95 < SECONDS_TO_ANSWER if bounded else None
    bound = f"< {duration(SECONDS_TO_ANSWER)}" if bounded else ""
    return Line(query.who, str(took), took.p95, bound, kept)


def _auditor() -> PageClient:
    person = User.objects.create(username="alma", role=Role.AUDITOR)
    call_command("collectstatic", interactive=False, verbosity=0)
    client = PageClient(headers={"host": "localhost"})
    client.force_login(person)
    client.get("/audit/")
    return client
