"""What holds the database up: many open pages at once, and a lock that another session holds."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from uuid import UUID

import psutil
import psycopg

from dashboard.start import LIVE_CONNECTIONS
from tests.processes.databases import SqliteDatabase
from tests.processes.installation import Installation
from tests.processes.outage import Outage, let_pass
from tests.processes.test_web_load import Watch, database_connections
from tests.processes.web import Web, head, status_of

STREAMS, SECONDS, PLACES = 300, 3.0, 20
LOCK = "SELECT * FROM actions_vendoraccount FOR UPDATE"


def open_stream(web: Web, path: str, cookie: str) -> socket.socket:
    connection = web.connect()
    connection.sendall(head(path, cookie))
    return connection


def first_of(connection: socket.socket) -> bytes:
    """Return what has come once the first event is complete, or the connection has ended."""
    received = b""
    with suppress(ConnectionResetError):
        while b"event: progress" not in received and (part := connection.recv(65536)):
            received += part
    return received


def test_m5_m11_300_streams_in_three_seconds_keep_connections_and_threads_bounded(
    installation: Installation,
) -> None:
    installation.start_redis()
    installation.submit("unexempt", "a")
    many = {"WEB_STREAMS_PER_PERSON": "400", "WEB_CONNECTIONS": "2000", "WEB_WAIT_SECONDS": "120"}
    web = Web(installation, "--no-access-log", WEB_REQUESTS=str(PLACES), **many)
    cookie = web.sessions()["operator"]
    [(uuid,)] = installation.rows("SELECT uuid FROM actions_actionrequest")
    path = f"/requests/{UUID(str(uuid))}/stream/"
    opened = []

    with Watch(lambda: database_connections(web)) as watch, ThreadPoolExecutor(STREAMS) as pool:
        begun = time.monotonic()
        for number in range(STREAMS):
            let_pass(max(0.0, begun + number * SECONDS / STREAMS - time.monotonic()))
            opened.append(open_stream(web, path, cookie))
        answers = list(pool.map(first_of, opened))
        pages = [web.get("/", cookie) for _ in range(5)]
        threads = web.process.num_threads()

    for connection in opened:
        connection.close()
    assert {status_of(answer) for answer in answers} == {200}
    assert all(b"event: progress" in answer for answer in answers)
    assert {status_of(page) for page in pages} == {200}
    assert "remaining connection slots" not in web.log()
    assert threads <= PLACES + 20
    if not isinstance(installation.database, SqliteDatabase):
        assert 0 < watch.most <= PLACES + LIVE_CONNECTIONS


@contextmanager
def account_locked(installation: Installation) -> Iterator[None]:
    if isinstance(installation.database, SqliteDatabase):
        with Outage(installation).away():
            yield
        return
    with psycopg.connect(installation.database.url) as connection:
        connection.execute(LOCK)
        yield


def test_m5_a_lock_held_for_40_s_stops_sending_with_a_true_notice_and_kills_no_worker(
    installation: Installation,
) -> None:
    installation.vendor.add_device(device_id="a")
    installation.env["DATABASE_LOCK_SECONDS"] = "5"
    installation.start_redis()
    web = Web(installation, "--no-access-log")
    cookie = web.sessions()["operator"]
    worker = installation.worker(2)
    installation.ticker()
    installation.submit("unexempt", "a")
    installation.wait_until(lambda: installation.statuses() == {"a": "accepted"})
    before = {child.pid for child in psutil.Process(worker.pid).children(recursive=True)}
    on_server = not isinstance(installation.database, SqliteDatabase)

    with account_locked(installation):
        begun = time.monotonic()
        if on_server:
            installation.wait_until(lambda: b"holds a lock" in web.get("/", cookie), 40)
        let_pass(40 - (time.monotonic() - begun))
        assert b"has been active for a minute" not in web.get("/", cookie)

    installation.vendor.add_device(device_id="b")
    installation.submit("unexempt", "b")
    installation.wait_until(lambda: installation.statuses().get("b") == "accepted", 60)
    assert worker.poll() is None
    assert before <= {c.pid for c in psutil.Process(worker.pid).children(recursive=True)}
    if on_server:
        installation.wait_until(lambda: b"holds a lock" not in web.get("/", cookie), 60)
