"""The installation of a chaos run: all processes with the web server and users, times scaled."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from actions.simulator import Simulator
from dashboard.standalone.redis_server import own_redis
from tests.ports import free_port
from tests.processes.databases import Database, Row, empty_database
from tests.processes.installation import (
    ROOT,
    Installation,
    Process,
    bare_environment,
    processes_of,
)
from tests.processes.surroundings import FakeClock, small_disk

CALLS, WINDOW = 10, 6.0
"""The vendor's rate limit: calls, and seconds of the window (a tenth of the real 60 s)."""

READ_SECONDS = 2.0
DISK_MEGABYTES = 400
FLEET = 240

SCALED = {
    "OPSWAT_RATE_LIMIT": f"{CALLS}/{WINDOW:g}",
    "OPSWAT_TIMEOUT": f"2/{READ_SECONDS:g}",
    "OPSWAT_MAX_DEVICES": "25",
    # Leases of 7 s: run 2, connect 2, read 2 and twice the grace.
    "ENGINE_RUN_SECONDS": "2",
    "ENGINE_GRACE_SECONDS": "0.5",
    "ENGINE_MAX_IDLE_SECONDS": "1",
    "ENGINE_URGENT_WAIT": "1",
    "ENGINE_VERIFY_AFTER": "1.5",
    # The disk is smaller than what must be free by default.
    "MIN_FREE_DISK_MB": "20",
    # The clock is set by a day, and the person stays signed in.
    "SESSION_HOURS": "240",
    "SESSION_IDLE_MINUTES": "14400",
}

TICKER = [sys.executable, "-m", "tests.chaos.scaled_ticker"]
WEB = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--host", "127.0.0.1"]


class ChaosInstallation(Installation):
    """An installation whose processes can be killed one by one; it knows which should run."""

    def __init__(self, folder: Path, database: Database, vendor: Simulator) -> None:
        super().__init__(folder, database, vendor)
        self.env |= SCALED
        self.workers: list[Process] = []
        self.ticker_process: Process | None = None
        self.redis_server: Process | None = None
        self.web: Process | None = None
        self.port = 0
        self.clock = FakeClock(folder)
        self.env |= self.clock.env
        self.troubles: list[str] = []
        self.past_troubles = 0

    def start(self) -> None:
        """Start every process and wait until the web server answers."""
        done = self.manage("collectstatic", "--noinput", "--verbosity", "0", timeout=120)
        assert done.returncode == 0, done.stderr
        self.port = free_port()
        self.ensure_redis()
        self.ensure_ticker()
        self.workers = [self.worker(2), self.worker(2)]
        self.ensure_web()

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        """State that pages may fail during this block."""
        self.troubles.append(name)
        try:
            yield
        finally:
            self.troubles.remove(name)
            self.past_troubles += 1

    def ensure_web(self) -> None:
        """Start the web server unless it is running, and wait until it answers."""
        if self.web is None:
            quiet = ("--log-level", "warning", "--no-access-log")
            self.web = self.spawn(*WEB, "--port", str(self.port), *quiet)
            self.wait_until(self._web_answers)

    def ensure_redis(self) -> None:
        """Start Redis unless it is running."""
        if self.redis_server is None:
            server = own_redis(self.folder / "redis" / "redis.sock")
            self.redis_server = self._redis.enter_context(server)

    def ensure_ticker(self) -> None:
        """Start the ticker unless it is running."""
        if self.ticker_process is None:
            self.ticker_process = self.spawn(*TICKER)

    def kill(self, process: Process) -> None:
        """Kill -9 the process and everything it started.

        A process that was waited for is not killed: its PID may belong to another process.
        """
        if process.returncode is None:
            super().kill(process)
        for pid in processes_of(self.folder):
            with suppress(ProcessLookupError):
                if os.getpgid(pid) == process.pid:
                    os.kill(pid, signal.SIGKILL)

    def unexpected_exits(self) -> list[str]:
        """Return a sentence for each process that ended without being killed."""
        parts: dict[str, list[Process | None]] = {
            "ticker": [self.ticker_process],
            "redis": [self.redis_server],
            "web": [self.web],
            "worker": [*self.workers],
        }
        return [
            f"{name} {each.pid} ended unexpectedly with {each.returncode}"
            for name, processes in parts.items()
            for each in processes
            if each is not None and each.poll() is not None
        ]

    def query(self, sql: str) -> list[Row]:
        """Query the database; retry for two minutes while it cannot be reached."""
        for _ in range(1200):
            with suppress(psycopg.OperationalError):
                return self.rows(sql)
            time.sleep(0.1)
        return self.rows(sql)

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz/live/", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False


class UserProcess:
    """The process in which users act; it handles one call at a time."""

    def __init__(self, installation: ChaosInstallation) -> None:
        self._lock = threading.Lock()
        self._log = (installation.folder / "output.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.user_process"],
            cwd=ROOT,
            env=installation.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a function once; the answer has an `error` if the database was unavailable."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps({"call": name, **arguments}) + "\n")
            stdin.flush()
            line = stdout.readline()
        assert line, "The process of the users has ended."
        answer: dict[str, Any] = json.loads(line)
        return answer

    def call_with_retry(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call until the database is available, as a person does who sees an error page."""
        answer: dict[str, Any] = {}
        for _ in range(400):
            answer = self.call(name, **arguments)
            if "error" not in answer:
                return answer
            time.sleep(0.3)
        raise AssertionError(f"{name} never succeeded: {answer}")

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.communicate(timeout=10)
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextmanager
def open_installation(seed: int) -> Iterator[ChaosInstallation]:
    """Make a migrated installation in which only the vendor runs, and remove it at the end."""
    limit = (CALLS, WINDOW)
    with (
        small_disk(DISK_MEGABYTES) as folder,
        empty_database(folder) as database,
        Simulator(devices=FLEET, seed=seed, limit=limit, log_delay=(0, 0)) as vendor,
    ):
        env = bare_environment(folder) | {"DATABASE_URL": database.url}
        migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True)
        installation = ChaosInstallation(folder, database, vendor)
        try:
            yield installation
        finally:
            installation.stop()


def on_postgres() -> bool:
    """Return whether the run uses PostgreSQL."""
    return os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))
