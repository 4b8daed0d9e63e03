"""Retention of a long trail and of many commands, while people read pages and a writer writes."""

import http.client
import os
import sys
import threading
import time
from datetime import timedelta

from django.db import connection, connections
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.audit.verify import verify
from actions.ratelimit.states import Lane
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.bench import fleet, long_trail, setup
from tests.bench.installation import Installation
from tests.bench.latency import session_cookie
from tests.bench.result import Line, duration, spread

LINES = int(os.environ.get("BENCH_LINES", "60000"))
COMMANDS = int(os.environ.get("BENCH_COMMANDS", "150000"))
DEVICES_EACH = 5
DAYS = 500
SESSIONS = 5
PAGES = ("/", "/requests/", "/devices/", "/audit/", "/vendor-calls/", "/storage/")
PAGE_SECONDS = 0.3
THINK, WRITE_EVERY = 0.5, 0.25
"""Seconds between two pages of one person, and between two lines of the writer."""

RETAIN = (
    "import django; django.setup(); from actions.retention import run; "
    "raise SystemExit(not run.run(float('inf')))"
)


def retention(*, quick: bool) -> list[Line]:
    """Old lines and commands go while five sessions ask the main pages of a real web server.

    60,000 audit lines and 150,000 commands in requests of five devices, of which all but those of
    the last day are too old (BENCH_LINES and BENCH_COMMANDS set other sizes; a tenth when quick).
    Retention runs in a process of its own until nothing is left to remove. Meanwhile five sessions
    each ask for a main page, wait 0.5 s and ask for the next one, and a writer records a line of
    the trail four times a second: its time shows how long others wait for the locks. The trail must
    be unchanged afterwards.
    """
    lines, commands = (LINES // 10, COMMANDS // 10) if quick else (LINES, COMMANDS)
    long_trail.build(lines, 5_000)
    _make_old_requests(commands)
    oldest = now() - timedelta(days=DAYS - 1)
    before = AuditEvent.objects.count(), DeviceCommand.objects.count()
    with Installation() as installation:
        installation.configure(AUDIT_KEEP_DAYS=1, REQUESTS_KEEP_DAYS=400, ENGINE_VERIFY_AFTER=0)
        _, port = installation.web()
        calm = _Load(port)
        time.sleep(10)
        calm.end()
        load = _Load(port)
        start = time.monotonic()
        retain = installation.spawn(sys.executable, "-c", RETAIN)
        retain.wait()
        took = time.monotonic() - start
        load.end()
        problem = "" if retain.returncode == 0 else installation.output()
    if problem:
        raise RuntimeError(problem)
    left = DeviceCommand.objects.filter(created_at__lt=oldest).count()
    removed = before[0] - AuditEvent.objects.count(), before[1] - DeviceCommand.objects.count()
    findings = len(verify().findings)
    pages, worst = spread(load.pages), spread(load.writes)
    rate = sum(removed) / took
    return [
        Line(
            "removed",
            f"{removed[0]:,} lines and {removed[1]:,} commands in {duration(took)}, "
            f"{rate:,.0f} rows/s; {left} left, {findings} findings, load {os.getloadavg()[0]:.1f}",
            rate,
            "nothing left, trail unchanged",
            left == 0 and findings == 0,
        ),
        Line("pages before", str(spread(calm.pages))),
        Line("pages meanwhile", str(pages), pages.p95, "p95 < 300 ms", pages.p95 < PAGE_SECONDS),
        Line("a line of the trail before", str(spread(calm.writes))),
        Line("a line of the trail meanwhile", str(worst), worst.p95),
    ]


class _Load:
    """Five people and a writer, until `end`; the times of their pages and lines in seconds."""

    def __init__(self, port: int) -> None:
        self.pages: list[float] = []
        self.writes: list[float] = []
        self._port, self._over = port, threading.Event()
        cookies = [session_cookie() for _ in range(SESSIONS)]
        self._threads = [threading.Thread(target=self._read, args=(each,)) for each in cookies]
        self._threads.append(threading.Thread(target=self._write))
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop them and wait for them; raises if a page was not answered well."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _read(self, cookie: str) -> None:
        web = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._over.is_set():
            for path in PAGES:
                start = time.monotonic()
                web.request("GET", path, headers={"Cookie": cookie, "Host": "localhost"})
                answer = web.getresponse()
                answer.read()
                took = time.monotonic() - start
                self.pages.append(took if answer.status == 200 else float("inf"))
                self._over.wait(THINK)
        web.close()

    def _write(self) -> None:
        actor = setup.operator()
        while not self._over.is_set():
            start = time.monotonic()
            trail.record(actor, Verb.LOG_OPENED, subject_kind="bench", subject="bench")
            self.writes.append(time.monotonic() - start)
            self._over.wait(WRITE_EVERY)
        connections.close_all()


def _make_old_requests(commands: int) -> None:
    """Write requests of long ago, each with five settled commands, by plain SQL."""
    setup.operator()
    first = (ActionRequest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    last = first + commands // DEVICES_EACH - 1
    at = now() - timedelta(days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_requests_sql(), [first, last, at])
    with fleet.without_indexes(DeviceCommand), connection.cursor() as cursor:
        cursor.execute(_commands_sql(), [at, at, at, at, first, last])
        if connection.vendor == "postgresql":
            for table in ("actions_actionrequest", "actions_devicecommand"):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608
                    f"(SELECT max(id) FROM {table}))"
                )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


SERIES = "WITH RECURSIVE n(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i < %s) "


def _requests_sql() -> str:
    uuid = (
        "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
    )
    return (
        f"{SERIES} INSERT INTO actions_actionrequest (id, uuid, form_token, digest, kind_name, "  # noqa: S608
        "params, addressing, coalesce_key, lane, device_count, unlisted_count, reason, ticket, "
        f"actor, role, source, created_at, origin, paused, version) SELECT i, {uuid}, {uuid}, '', "
        f"'unexempt', '{{}}', 'ids', 'x', {Lane.NORMAL.value}, {DEVICES_EACH}, 0, 'old', '', "
        f"'oscar', 'operator', 'page', %s, '', FALSE, 7 FROM n"
    )


def _commands_sql() -> str:
    """A device's name is spread over the index, as the devices of real requests are."""
    return (
        "INSERT INTO actions_devicecommand (request_id, target, device_key, device_name, "
        "device_vendor_id, device_mac, status, lane, coalesce_key, split_group, coalesced, "
        "cancel_asked, in_doubt, device_status, device_group, attempts, due_at, checks, "
        "vendor_status, vendor_raw, command_id, detail, created_at, moved_at, settled_at) "
        "SELECT id, t, t, t, t, '', 'confirmed', 1, 'x', 0, FALSE, FALSE, FALSE, '', '', 1, %s, "
        "0, 1, '', 'c' || id || '-' || k, '', %s, %s, %s FROM (SELECT r.id AS id, v.k AS k, "
        "'d' || (1000000 + (r.id * 5 + v.k) * 7919 %% 20000) AS t FROM actions_actionrequest r, "
        "(SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL "
        "SELECT 4) v WHERE r.id BETWEEN %s AND %s) r"
    )
