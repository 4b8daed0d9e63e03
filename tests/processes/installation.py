"""A whole installation as processes: its folder, database, Redis, vendor, workers and commands."""

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
Done = subprocess.CompletedProcess[str]


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="console-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare_environment(folder: Path) -> dict[str, str]:
    """What a process of an installation is told, besides the settings of the test."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return env | {"READ_DOT_ENV": "0", "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


class Installation:
    """The processes of one installation; `env` may be changed before they are started.

    The vendor runs in the process of the test: its log is what the tests judge by.
    """

    def __init__(self, folder: Path, database: Database, vendor: Simulator) -> None:
        self.folder, self.database, self.vendor = folder, database, vendor
        self.env = bare_environment(folder) | {
            "DATABASE_URL": database.url,
            "OPSWAT_BASE_URL": vendor.url,
            "ENGINE_URGENT_WAIT": "1",  # So that alike wishes gather for a second, not for ten.
            "OPSWAT_CLIENT_ID": vendor.client_id,
            "OPSWAT_CLIENT_SECRET": vendor.client_secret,
        }
        self._processes: list[Process] = []
        self._redis = ExitStack()

    # Processes.

    def start_redis(self) -> Process:
        """Start a Redis of its own, on the socket where the settings look for it."""
        return self._redis.enter_context(own_redis(self.folder / "redis" / "redis.sock"))

    def spawn(self, *command: str) -> Process:
        """Start a process that leads a group of its own; what it says goes to one file."""
        with (self.folder / "said.log").open("ab") as log:
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
        """Start a real worker."""
        return self.spawn(*CELERY, "worker", "--concurrency", str(concurrency), *QUIET)

    def beat(self) -> Process:
        """Start the real clock."""
        schedule = str(self.folder / "beat-schedule")
        return self.spawn(*CELERY, "beat", "--schedule", schedule, "--loglevel", "WARNING")

    def spawn_manage(self, *args: str) -> Process:
        """Start a command of manage.py without waiting for its end."""
        return self.spawn(*MANAGE, *args)

    def manage(self, *args: str, stdin: str = "", timeout: float = 90) -> Done:
        """Run a command of manage.py to its end."""
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
        wish = ("submit_action", kind, "--unlisted", "--reason", "because a test says so")
        done = self.manage(*wish, "--from-file", "-", stdin="\n".join(devices))
        assert done.returncode == 0, done.stderr

    # What became of it.

    def rows(self, query: str) -> list[Row]:
        """Ask the installation's database directly, past all of our code."""
        return self.database.rows(query)

    def statuses(self) -> dict[str, str]:
        """Each device with the status of its latest command."""
        return dict(self.rows("SELECT target, status FROM actions_devicecommand ORDER BY id"))

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for it; the failure tells what the processes said."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"It did not happen in {seconds} s.\n{self.said()}")
            time.sleep(0.05)

    def said(self) -> str:
        """The last lines of all processes, for the message of a failed test."""
        log = self.folder / "said.log"
        return log.read_text(errors="replace")[-5000:] if log.exists() else ""

    # The end.

    def kill(self, process: Process) -> None:
        """Kill -9 of the process and of all that it started, as a lost machine would be."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Kill what was started here, and see that nothing else is left."""
        for process in self._processes:
            self.kill(process)
        self._redis.close()
        self.vendor.stop()
        end = time.monotonic() + 5
        while (left := processes_of(self.folder)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left, f"Still running: {left}"


def processes_of(folder: Path) -> dict[int, str]:
    """The running processes that know the folder by their environment or arguments."""
    found = {}
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes()
            known = mark in arguments or mark in (entry / "environ").read_bytes()
        except OSError:  # It has ended, or it is somebody else's.
            continue
        if known and int(entry.name) != os.getpid():
            found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found
