"""An installation for one figure: its settings, vendor, Redis, workers and web server.

The process of the figure has the same settings and database, so it submits and reads as the
console's own processes do.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from actions.ratelimit import clock
from actions.simulator import Simulator
from dashboard.standalone.redis_server import own_redis
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "ERROR")

Process = subprocess.Popen[bytes]


class Installation:
    """Starts the processes that a figure needs, and ends them on exit."""

    def __init__(self) -> None:
        self.folder: Path = settings.DATA_DIR
        self._end = ExitStack()
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in self._processes:
            self.kill(process)
        self._end.close()

    # Settings.

    def configure(self, **values: Any) -> None:
        """Change settings, here and for processes started later."""
        for name, value in values.items():
            setattr(settings, name, value)
            pair = isinstance(value, tuple)
            os.environ[name] = f"{value[0]:g}/{value[1]:g}" if pair else str(value)

    def vendor(self, limit: tuple[int, float] | None, **options: Any) -> Simulator:
        """Start a vendor with that limit, and let the engine call it with the same limit."""
        choices: dict[str, Any] = {"devices": 0, "log_delay": (0.0, 0.0)}
        vendor = self._end.enter_context(Simulator(limit=limit, **choices | options))
        clock.forget()
        self.configure(
            OPSWAT_BASE_URL=vendor.url,
            OPSWAT_CLIENT_ID=vendor.client_id,
            OPSWAT_CLIENT_SECRET=vendor.client_secret,
        )
        if limit:
            self.configure(OPSWAT_RATE_LIMIT=limit)
        return vendor

    # Processes.

    def redis(self) -> None:
        """Start a Redis where the settings look for it."""
        self._end.enter_context(own_redis(settings.REDIS_SOCKET))

    def spawn(self, *command: str, **more: Any) -> Process:
        """Start a process in a group of its own; its output goes to one file."""
        with (self.folder / "output.log").open("ab") as log:
            options: dict[str, Any] = {"stdout": log, "stderr": log}
            process: Process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **options | more,
            )
        self._processes.append(process)
        return process

    def worker(self, app: str = "dashboard", concurrency: int = 2) -> Process:
        """Start a real worker of that Celery application."""
        celery = [sys.executable, "-m", "celery", "-q", "-A", app]
        name = f"worker{len(self._processes)}@bench"
        many = ("--concurrency", str(concurrency), "--hostname", name)
        return self.spawn(*celery, "worker", *many, *QUIET)

    def ticker(self) -> Process:
        """Start the ticker."""
        return self.spawn(sys.executable, "manage.py", "tick")

    def web(self) -> tuple[Process, int]:
        """Start the console's web server as Procfile does; returns its port as well."""
        port = free_port()
        where = ("--host", "127.0.0.1", "--port", str(port))
        quiet = ("--log-level", "error", "--no-access-log")
        uvicorn = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application"]
        process = self.spawn(*uvicorn, *where, *quiet)
        until(lambda: _answers(f"http://127.0.0.1:{port}/healthz/live/"), 30)
        return process, port

    def kill(self, process: Process) -> None:
        """Kill (-9) the process and its children, as when a machine is lost.

        A process that was waited for is skipped: its id may belong to another one by now.
        """
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def output(self) -> str:
        """Return the last 3,000 characters that the processes wrote."""
        log = self.folder / "output.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # Our own loopback address.
            return True
    except (urllib.error.URLError, OSError):
        return False


def until(condition: Callable[[], object], seconds: float, pause: float = 0.05) -> None:
    """Wait until `condition` is true; raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not happen in {seconds:.0f} s")
        time.sleep(pause)
