"""H5: many requests or sign-ins at once cost bounded connections and memory, and wait fairly."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dashboard.start import LIVE_CONNECTIONS
from tests.processes.databases import PostgresDatabase
from tests.processes.installation import Installation
from tests.processes.web import Web, head, headers_of, peak_memory, status_of

PLACES = 6

CONNECTIONS = (
    b"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    b"AND pid <> pg_backend_pid() AND state "
)


def database_connections(web: Web, state: str = "IS NOT NULL") -> int:
    """Number of database connections of the web process; on SQLite, its open database files.

    On PostgreSQL only those whose state is so: the pool keeps idle ones for a while.
    """
    database = web.installation.database
    if isinstance(database, PostgresDatabase):
        with psycopg.connect(database.url, autocommit=True) as connection:
            [found] = connection.execute(CONNECTIONS + state.encode()).fetchall()
        return int(found[0])
    return sum(each.path.endswith(".sqlite3") for each in web.process.open_files())


class Watch:
    """Calls a function again and again in a thread, and keeps its largest result."""

    def __init__(self, measure: Callable[[], int]) -> None:
        self.measure, self.most, self._ended = measure, 0, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            self.most = max(self.most, self.measure())

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_h5_400_gets_at_once_leave_the_operator_his_page_and_bound_the_connections(
    installation: Installation,
) -> None:
    web = Web(installation, "--no-access-log", WEB_REQUESTS=str(PLACES))
    cookies = web.sessions()

    with Watch(lambda: database_connections(web)) as watch, ThreadPoolExecutor(400) as pool:
        floods = [pool.submit(web.get, "/devices/", cookies["viewer"]) for _ in range(400)]
        pages = [web.get("/devices/", cookies["operator"]) for _ in range(10)]
        answers = [each.result() for each in floods]

    assert {status_of(each) for each in pages} == {200}
    found = Counter(status_of(each) for each in answers)
    assert set(found) <= {200, 503}
    assert found[200] > 0
    for answer in answers:
        if status_of(answer) == 503:
            assert int(headers_of(answer)["retry-after"]) > 0
    assert 0 < watch.most <= PLACES + LIVE_CONNECTIONS
    assert "traceback" not in web.log()


def test_h5_clients_that_leave_while_they_wait_cost_nothing(installation: Installation) -> None:
    web = Web(installation, "--no-access-log", WEB_REQUESTS=str(PLACES))
    cookie = web.sessions()["viewer"]
    with Watch(lambda: database_connections(web)) as watch:
        for number in range(600):
            with web.connect() as connection:
                connection.sendall(head("/devices/", f"session=made-up-{number}"))
        assert status_of(web.get("/devices/", cookie)) == 200
        installation.wait_until(lambda: database_connections(web, "<> 'idle'") == 0)
    assert watch.most <= PLACES + LIVE_CONNECTIONS
    assert "traceback" not in web.log()


@pytest.mark.parametrize("checks", [1, 2])
def test_h5_40_sign_ins_at_once_take_bounded_memory_and_all_are_answered(
    installation: Installation, checks: int
) -> None:
    web = Web(installation, "--no-access-log", WEB_PASSWORD_CHECKS=str(checks))
    web.sessions()
    page = web.get("/accounts/login/")
    token = headers_of(page)["set-cookie"].partition("csrf=")[2].partition(";")[0]
    before = peak_memory(web)

    def sign_in(number: int) -> bytes:
        body = f"csrfmiddlewaretoken={token}&login=nobody{number}&password=wrong-{number}".encode()
        lines = [
            "POST /accounts/login/ HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            f"Cookie: csrf={token}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
        return web.exchange("\r\n".join([*lines, "", ""]).encode() + body)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(sign_in, range(40)))

    assert {status_of(each) for each in answers} <= {200, 429, 503}
    assert any(status_of(each) == 200 for each in answers)
    assert peak_memory(web) - before < 120 * checks + 80
