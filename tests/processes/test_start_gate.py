"""Every process of the console refuses wrong settings, with one message and no traceback."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.installation import CELERY, MANAGE, ROOT, bare_environment, short_folder

GOOD_KEY = secrets.token_urlsafe(50)
REAL = {"OPSWAT_CLIENT_ID": "me", "OPSWAT_CLIENT_SECRET": "hidden"}
PUBLIC = REAL | {"ALLOWED_HOSTS": "console.corp.example", "SECRET_KEY": GOOD_KEY}

ENTRY_POINTS: dict[str, Callable[[Path], list[str]]] = {
    "web": lambda folder: [
        *(sys.executable, "-m", "uvicorn", "dashboard.asgi:application"),
        *("--port", str(free_port())),
    ],
    "worker": lambda folder: [*CELERY, "worker", "--concurrency", "1"],
    "ticker": lambda folder: [*MANAGE, "tick"],
    "up": lambda folder: [*MANAGE, "up", "--port", str(free_port())],
    "migrate": lambda folder: [*MANAGE, "migrate"],
    "submit_action": lambda folder: [*MANAGE, "submit_action", "exempt", "a", "--reason", "x"],
}

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a foreign vendor": (PUBLIC | {"OPSWAT_BASE_URL": "https://attacker.example"}, "not among"),
    "DEBUG on a public host": (PUBLIC | {"DEBUG": "1"}, "DEBUG must be off"),
    "DEBUG in a public simulation": (
        {"DEBUG": "1", "ALLOWED_HOSTS": "localhost,demo.example"},
        "DEBUG must be off",
    ),
    "a short key": (PUBLIC | {"SECRET_KEY": "x"}, "SECRET_KEY is"),
    "any host": (PUBLIC | {"ALLOWED_HOSTS": "console.corp.example,*"}, "ALLOWED_HOSTS"),
    "no host": (PUBLIC | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
    "an unknown stream": (PUBLIC | {"AUDIT_STREAM_TO": "ftp://x"}, "AUDIT_STREAM_TO"),
    "a number that is none": (PUBLIC | {"OPSWAT_MAX_DEVICES": "many"}, "OPSWAT_MAX_DEVICES"),
}
"""Kinds of wrong settings; tests/dashboard/test_checks.py has more values of each kind."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def run(command: list[str], folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run a process until it ends by itself; return its exit code and what it wrote to stderr.

    A process that goes on is a failed test: it is killed after so many seconds.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=bare_environment(folder) | {"REDIS_URL": "redis://127.0.0.1:9/0"} | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("env", "word"), WRONG.values(), ids=WRONG.keys())
def test_h6_every_entry_point_refuses_a_wrong_setting_with_the_same_message(
    folder: Path, env: dict[str, str], word: str
) -> None:
    messages = set()
    for name, command in ENTRY_POINTS.items():
        code, said = run(command(folder), folder, env)
        assert code != 0, name
        assert word in said, (name, said)
        assert "Traceback" not in said, (name, said)
        assert not any(secret in said for secret in ("hidden", GOOD_KEY)), (name, said)
        messages.add(said)

    assert len(messages) == 1
    assert not list(folder.glob("*.sqlite3"))


def test_low_plain_syslog_to_another_host_is_a_warning_that_is_shown(folder: Path) -> None:
    env = PUBLIC | {"AUDIT_STREAM_TO": "syslog+udp://127.0.0.1:5514,syslog+tcp://siem.corp:601"}

    code, said = run([*MANAGE, "check"], folder, env)

    assert code == 0
    assert said.count("unencrypted") == 1
    assert "siem.corp" in said


def test_the_web_shows_the_warning_too_and_starts(folder: Path) -> None:
    with tempfile.TemporaryFile("w+") as log:
        web = subprocess.Popen(
            ENTRY_POINTS["web"](folder),
            cwd=ROOT,
            env=bare_environment(folder) | PUBLIC | {"AUDIT_STREAM_TO": "syslog+tcp://siem:601"},
            stdout=log,
            stderr=log,
        )
        try:
            end = time.monotonic() + 60
            said = ""
            while "Application startup complete" not in said:
                assert web.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.05)
                said = os.pread(log.fileno(), 100_000, 0).decode()
        finally:
            web.terminate()
            web.wait(20)

    assert said.count("unencrypted") == 1


def test_help_and_check_need_no_right_settings(folder: Path) -> None:
    env = PUBLIC | {"SECRET_KEY": "x"}

    assert run([*MANAGE, "help"], folder, env)[0] == 0
    code, said = run([*MANAGE, "check"], folder, env)

    assert code == 1
    assert "SECRET_KEY is" in said


def test_a_right_setting_passes_at_a_command(folder: Path) -> None:
    shutil.rmtree(folder)

    code, said = run([*MANAGE, "migrate", "--verbosity", "0"], folder, PUBLIC)

    assert (code, said) == (0, "")
