"""An installation as real processes: its folder, database, Redis, vendor, workers and commands."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from actions.simulator import Simulator
from dashboard.standalone.redis_server import own_redis
from tests.processes.databases import Database, Row

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
CELERY = [sys.executable, "-m", "celery", "-q", "-A", "dashboard"]
QUIET = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]

Process = subprocess.Popen[bytes]
Completed = subprocess.CompletedProcess[str]


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder with a short path, because socket paths are limited in length."""
    folder = Path(tempfile.mkdtemp(prefix="console-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process of an installation, without the test's settings."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return env | {"READ_DOT_ENV": "0", "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


class Installation:
    """The processes of one installation; `env` may be changed before they are started.

    The vendor runs in the process of the test, and the tests compare with its log.
    """

    def __init__(self, folder: Path, database: Database, vendor: Simulator) -> None:
        self.folder, self.database, self.vendor = folder, database, vendor
        self.env = bare_environment(folder) | {
            "DATABASE_URL": database.url,
            "OPSWAT_BASE_URL": vendor.url,
            "ENGINE_URGENT_WAIT": "1",  # So requests are coalesced for one second, not for ten.
            "OPSWAT_CLIENT_ID": vendor.client_id,
            "OPSWAT_CLIENT_SECRET": vendor.client_secret,
        }
        self._processes: list[Process] = []
        self._redis = ExitStack()

    # Processes.

    def start_redis(self) -> Process:
        """Start a private Redis on the socket that the settings name."""
        return self._redis.enter_context(own_redis(self.folder / "redis" / "redis.sock"))

    def spawn(self, *command: str) -> Process:
        """Start a process in its own process group; all processes write to output.log."""
        with (self.folder / "output.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def worker(self, concurrency: int = 2) -> Process:
        """Start a Celery worker."""
        return self.spawn(*CELERY, "worker", "--concurrency", str(concurrency), *QUIET)

    def ticker(self) -> Process:
        """Start the ticker."""
        return self.spawn(*MANAGE, "tick")

    def spawn_manage(self, *args: str) -> Process:
        """Start a command of manage.py and return without waiting for it."""
        return self.spawn(*MANAGE, *args)

    def manage(self, *args: str, stdin: str = "", timeout: float = 90) -> Completed:
        """Run a command of manage.py and wait for it; `timeout` is in seconds."""
        return subprocess.run(
            [*MANAGE, *args],
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def submit(self, kind: str, *devices: str) -> None:
        """Submit an action for devices that need not be in the inventory."""
        command = ("submit_action", kind, "--unlisted", "--reason", "because a test says so")
        done = self.manage(*command, "--from-file", "-", stdin="\n".join(devices))
        assert done.returncode == 0, done.stderr

    # Results.

    def rows(self, query: str) -> list[Row]:
        """Query the installation's database directly, without our code."""
        return self.database.rows(query)

    def statuses(self) -> dict[str, str]:
        """Return each device's target with the status of its latest command."""
        return dict(self.rows("SELECT target, status FROM actions_devicecommand ORDER BY id"))

    def wait_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for the condition; on failure raise AssertionError with the processes' output."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"It did not happen in {seconds} s.\n{self.output()}")
            time.sleep(0.05)

    def output(self) -> str:
        """Return the last 5,000 characters of all processes' output, for a failure message."""
        log = self.folder / "output.log"
        return log.read_text(errors="replace")[-5000:] if log.exists() else ""

    # Stopping.

    def kill(self, process: Process) -> None:
        """Kill -9 the process and everything it started, as if its machine were lost."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        """Kill -9 all processes, as if this host were lost; its Redis goes on."""
        for process in self._processes:
            self.kill(process)

    def stop(self) -> None:
        """Kill all processes of the installation; raises AssertionError if one survives."""
        self.kill_all()
        self._redis.close()
        self.vendor.stop()
        end = time.monotonic() + 5
        while (left := processes_of(self.folder)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left, f"Still running: {left}"


def processes_of(folder: Path) -> dict[int, str]:
    """Return the running processes that have the folder in their environment or arguments."""
    found = {}
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes()
            matches = mark in arguments or mark in (entry / "environ").read_bytes()
        except OSError:  # The process has ended, or belongs to another user.
            continue
        if matches and int(entry.name) != os.getpid():
            found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found
