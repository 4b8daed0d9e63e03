"""`manage.py up`: one command starts the whole console and stops it cleanly."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.installation import (
    MANAGE,
    ROOT,
    Installation,
    bare_environment,
    processes_of,
    short_folder,
)

STOP_SECONDS = 60.0
"""A stop usually takes 2 s; without a call under way nothing makes it longer."""


class Console:
    """A console in its own folder; `up` can be started there several times."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, log_folder: Path | None = None) -> None:
        """Start `up` and wait until it has printed its address."""
        # Output goes to a file: a pipe that nobody reads would fill and block `up`.
        self.log = (log_folder or self.folder) / f"output-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*MANAGE, "up", "--port", str(self.port), "--devices", "60"],
                cwd=ROOT,
                env=bare_environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 60
        while "Press Ctrl-C to stop." not in self.output():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < end, self.output()
            time.sleep(0.05)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def passwords(self) -> dict[str, str]:
        return dict(re.findall(r"^  (\w+) +(\S+)$", self.output(), re.MULTILINE))

    def stop(self, number: signal.Signals) -> int:
        """Send the signal to `up` alone and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def pid_of(self, part: str) -> int:
        """Return the process of a part, or 0; of a worker, the one that leads its pool."""
        found = [pid for pid, args in processes_of(self.folder).items() if PARTS[part] in args]
        for pid in found:
            with suppress(ProcessLookupError):  # It may have ended meanwhile.
                if os.getpgid(pid) == pid:
                    return pid
        return 0

    def wait_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.output()
            time.sleep(0.05)

    def clear(self) -> dict[int, str]:
        """Kill the processes that are left and return them."""
        left = processes_of(self.folder)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        return left


@pytest.fixture
def console() -> Iterator[Console]:
    with short_folder() as folder:
        console = Console(folder)
        yield console
        console.clear()


def up(folder: Path, port: int, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, "up", "--port", str(port)],
        cwd=ROOT,
        env=bare_environment(folder) | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, name],
        cwd=ROOT,
        env=bare_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_one_command_starts_everything_and_ctrl_c_stops_it(console: Console) -> None:
    console.start()
    passwords = console.passwords()

    assert f"http://localhost:{console.port}/" in console.output()
    assert set(passwords) == {"viewer", "helpdesk", "operator", "auditor"}
    health = f"http://127.0.0.1:{console.port}/healthz/live/"
    with urllib.request.urlopen(health, timeout=5) as reply:
        assert reply.status == 200
    for name in ("simulator.json", "demo_people.json", "secret_key"):
        assert mode(console.folder / name) == "0o600"
    assert json.loads((console.folder / "demo_people.json").read_text()) == passwords
    assert mode(console.folder / "redis") == "0o700"

    second = up(console.folder, free_port())
    assert console.process is not None
    assert second.returncode == 1
    assert second.stderr == (
        f"CommandError: The console is already running with the data in {console.folder}: process "
        f"{console.process.pid}. Stop it with: manage.py down\n"
    )

    assert console.stop(signal.SIGINT) == 0
    assert processes_of(console.folder) == {}

    console.start()
    assert console.passwords() == passwords
    assert console.stop(signal.SIGTERM) == 0
    assert console.clear() == {}


def test_a_closed_terminal_leaves_no_process_behind(console: Console) -> None:
    console.start()

    console.stop(signal.SIGHUP)

    assert console.clear() == {}


def test_a_signal_during_startup_leaves_no_process_behind(console: Console) -> None:
    command = [*MANAGE, "up", "--port", str(console.port), "--devices", "60"]
    env = bare_environment(console.folder)
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        console.process = process
        assert process.stdout is not None
        for line in process.stdout:
            if b"starting" in line:
                break  # The first of its processes.
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(STOP_SECONDS) == 0, rest
    assert b"Traceback" not in rest
    assert console.clear() == {}


PARTS = {
    "redis": "valkey-server",
    "worker": " worker --concurrency",
    "ticker": "manage.py tick",
    "web": "uvicorn dashboard.asgi",
    "vendor": "simulate_vendor",
}
"""What the command line of each part contains."""


@pytest.mark.parametrize("part", PARTS)
def test_h4_a_part_that_is_killed_is_started_again_and_ends_no_other(
    console: Console, part: str
) -> None:
    console.start()
    before = {name: console.pid_of(name) for name in PARTS}

    os.kill(before[part], signal.SIGKILL)
    console.wait_until(lambda: console.pid_of(part) not in (0, before[part]))

    after = {name: console.pid_of(name) for name in PARTS}
    assert [name for name in PARTS if after[name] != before[name]] == [part]
    assert console.process is not None
    assert console.process.poll() is None
    told = command(console.folder, "status").stdout
    assert re.search(
        rf"^  {part} +process {after[part]} since .*, started again 1 times$", told, re.M
    )
    assert console.stop(signal.SIGTERM) == 0
    assert console.clear() == {}


def test_h3_after_kill_9_of_up_all_its_processes_end_and_the_next_start_works(
    console: Console,
) -> None:
    console.start()
    assert console.process is not None
    os.kill(console.process.pid, signal.SIGKILL)
    console.process.wait()

    console.start()  # At once, with the same port: it waits until that is free.
    assert len(re.findall("process", command(console.folder, "status").stdout)) == 1 + len(PARTS)
    assert console.stop(signal.SIGTERM) == 0
    console.wait_until(lambda: processes_of(console.folder) == {})


def test_h3_down_stops_the_console_and_status_tells_whether_it_runs(console: Console) -> None:
    assert command(console.folder, "status").returncode == 3
    assert command(console.folder, "down").stdout == "The console is not running.\n"
    console.start()
    assert command(console.folder, "status").returncode == 0

    stopped = command(console.folder, "down")

    assert (stopped.returncode, stopped.stdout) == (0, "The console has stopped.\n")
    assert console.process is not None
    assert console.process.wait(10) == 0
    assert processes_of(console.folder) == {}
    assert command(console.folder, "status").returncode == 3


def test_m4_a_stop_waits_for_a_call_under_way(installation: Installation) -> None:
    installation.vendor.add_device(device_id="a1")
    installation.vendor.fault("slow", times=None, seconds=8.0)
    up = installation.spawn_manage("up", "--port", str(free_port()))
    installation.submit("dhcprenew", "a1")
    installation.wait_until(lambda: installation.statuses()["a1"] == "sending")

    up.send_signal(signal.SIGINT)

    assert up.wait(STOP_SECONDS) == 0
    assert installation.statuses() == {"a1": "accepted"}
    assert "Waiting for worker, at most 75 s" in installation.output()


def test_a_taken_port_prints_one_line_and_exits_with_1(console: Console) -> None:
    with socket.create_server(("127.0.0.1", console.port)):
        done = up(console.folder, console.port)

    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert f"Port {console.port} is in use" in line
    assert not (console.folder / "redis").exists()


INVALID: dict[str, tuple[dict[str, str], str]] = {
    "an id without a secret": ({"OPSWAT_CLIENT_ID": "me"}, "OPSWAT_CLIENT_SECRET is missing"),
    "a foreign host by http": (
        {
            "OPSWAT_CLIENT_ID": "me",
            "OPSWAT_CLIENT_SECRET": "hidden",
            "OPSWAT_BASE_URL": "http://vendor.example.com",
        },
        "https://",
    ),
    "an unknown version": ({"OPSWAT_ACTION_VERSION": "v9"}, "OPSWAT_ACTION_VERSION"),
    "a limit in words": ({"OPSWAT_RATE_LIMIT": "ten"}, "OPSWAT_RATE_LIMIT"),
    "a number that is none": ({"OPSWAT_MAX_DEVICES": "many"}, "OPSWAT_MAX_DEVICES"),
    "a database of another kind": ({"DATABASE_URL": "mysql://me:hidden@db/x"}, "DATABASE_URL"),
    "a database that is away": ({"DATABASE_URL": "postgres://me:hidden@127.0.0.1:9/x"}, "database"),
    "a secret file that is away": ({"SECRET_KEY_FILE": "/does/not/exist"}, "SECRET_KEY"),
}


@pytest.mark.parametrize(("env", "word"), INVALID.values(), ids=INVALID.keys())
def test_an_incomplete_or_invalid_configuration_is_refused_before_anything_starts(
    console: Console, env: dict[str, str], word: str
) -> None:
    done = up(console.folder, console.port, **env)

    assert done.returncode != 0
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr
    assert not (console.folder / "redis").exists()
    assert console.clear() == {}
