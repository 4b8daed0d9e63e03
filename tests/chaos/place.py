"""The place of a chaos run: a whole installation with its web and its people, times scaled."""

import json
import os
import signal
import socket
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
from tests.processes.databases import Database, Row, empty_database
from tests.processes.installation import (
    ROOT,
    Installation,
    Process,
    bare_environment,
    processes_of,
    short_folder,
)

CALLS, WINDOW = 10, 6.0
"""The vendor's limit, with a tenth of its minute."""

READ_SECONDS = 2.0
FLEET = 240

SCALED = {
    "OPSWAT_RATE_LIMIT": f"{CALLS}/{WINDOW:g}",
    "OPSWAT_TIMEOUT": f"2/{READ_SECONDS:g}",
    "OPSWAT_MAX_DEVICES": "25",
    # Leases of seven seconds: pump 2, connect 2, read 2 and twice the grace.
    "ENGINE_RUN_SECONDS": "2",
    "ENGINE_GRACE_SECONDS": "0.5",
    "ENGINE_MAX_IDLE_SECONDS": "1",
    "ENGINE_URGENT_WAIT": "1",
    "ENGINE_VERIFY_AFTER": "1.5",
}

BEAT = [sys.executable, "-m", "celery", "-q", "-A", "tests.chaos.quick_clock", "beat"]
WEB = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--host", "127.0.0.1"]


class Place(Installation):
    """An installation whose parts may be killed one by one; it remembers who should be alive."""

    def __init__(self, folder: Path, database: Database, vendor: Simulator) -> None:
        super().__init__(folder, database, vendor)
        self.env |= SCALED
        self.workers: list[Process] = []
        self.clock: Process | None = None
        self.redis_server: Process | None = None
        self.web: Process | None = None
        self.port = 0

    def start(self) -> None:
        """Start every part; the web answers when this returns."""
        done = self.manage("collectstatic", "--noinput", "--verbosity", "0", timeout=120)
        assert done.returncode == 0, done.stderr
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start_redis_again()
        quiet = ("--log-level", "warning", "--no-access-log")
        self.web = self.spawn(*WEB, "--port", str(self.port), *quiet)
        self.start_beat()
        self.workers = [self.worker(2), self.worker(2)]
        self.until(self._web_answers)

    def start_redis_again(self) -> None:
        """Start Redis unless it runs."""
        if self.redis_server is None:
            server = own_redis(self.folder / "redis" / "redis.sock")
            self.redis_server = self._redis.enter_context(server)

    def start_beat(self) -> None:
        """Start the clock unless it runs; its file may be one that a killed clock has left."""
        if self.clock is None:
            schedule = str(self.folder / "beat-schedule")
            self.clock = self.spawn(*BEAT, "--schedule", schedule, "--loglevel", "WARNING")

    def kill(self, process: Process) -> None:
        """Kill -9 of the process and of all that it started, once.

        The number of a process that was waited for may be somebody else's by now.
        """
        if process.returncode is None:
            super().kill(process)
        for pid in processes_of(self.folder):
            with suppress(ProcessLookupError):
                if os.getpgid(pid) == process.pid:
                    os.kill(pid, signal.SIGKILL)

    def fallen(self) -> list[str]:
        """Parts that ended although nobody killed them."""
        parts: dict[str, list[Process | None]] = {
            "beat": [self.clock],
            "redis": [self.redis_server],
            "web": [self.web],
            "worker": [*self.workers],
        }
        return [
            f"{name} {each.pid} ended by itself with {each.returncode}"
            for name, processes in parts.items()
            for each in processes
            if each is not None and each.poll() is not None
        ]

    def look(self, query: str) -> list[Row]:
        """Ask the database, again if it was just restarted."""
        for _ in range(20):
            with suppress(psycopg.OperationalError):
                return self.rows(query)
            time.sleep(0.1)
        return self.rows(query)

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz/live/", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False


class People:
    """The process in which people act; one wish at a time."""

    def __init__(self, place: Place) -> None:
        self._lock = threading.Lock()
        self._log = (place.folder / "said.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.people"],
            cwd=ROOT,
            env=place.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )

    def ask(self, do: str, **wish: Any) -> dict[str, Any]:
        """Let them do it once; `error` in the answer says that the database was away."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps({"do": do, **wish}) + "\n")
            stdin.flush()
            line = stdout.readline()
        assert line, "The people's process has ended."
        answer: dict[str, Any] = json.loads(line)
        return answer

    def insist(self, do: str, **wish: Any) -> dict[str, Any]:
        """Ask until the database is there, as a person who is shown an error does."""
        answer: dict[str, Any] = {}
        for _ in range(20):
            answer = self.ask(do, **wish)
            if "error" not in answer:
                return answer
            time.sleep(0.3)
        raise AssertionError(f"{do} never succeeded: {answer}")

    def close(self) -> None:
        """Let them go home."""
        with suppress(OSError):
            self._process.communicate(timeout=10)
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextmanager
def opened_place(seed: int) -> Iterator[Place]:
    """A migrated place with nothing started but its vendor; at the end nothing of it is left."""
    limit = (CALLS, WINDOW)
    with (
        short_folder() as folder,
        empty_database(folder) as database,
        Simulator(devices=FLEET, seed=seed, limit=limit, log_delay=(0, 0)) as vendor,
    ):
        env = bare_environment(folder) | {"DATABASE_URL": database.url}
        migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True)
        place = Place(folder, database, vendor)
        try:
            yield place
        finally:
            place.stop()


def on_postgres() -> bool:
    """Whether the run keeps its rows in PostgreSQL."""
    return os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://"))
