"""`python -m tests.run [pytest arguments]`: the whole suite, on SQLite and on PostgreSQL.

Each round has a data folder of its own. With CI=true a skipped test is a failed run.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.postgres import own_postgres

ROOT = Path(__file__).resolve().parent.parent
ONCE = (
    *("tests/simulator", "tests/opswat", "tests/agent_logs/zip", "tests/server"),
    *("tests/browser/test_pages.py", "tests/browser/test_request_page.py"),
    *("tests/browser/test_sign_in.py", "tests/browser/test_device.py"),
    *("tests/browser/test_audit.py", "tests/browser/test_preview.py"),
    *("tests/processes/test_up.py", "tests/processes/test_production_start.py"),
    *("tests/processes/test_redis_outage.py", "tests/trail/test_lost_key_file.py"),
    *("tests/model/test_busy_minutes.py", "tests/model/test_long_run.py"),
    *("tests/selections/test_xlsx.py", "tests/selections/test_xlsx_limits.py"),
    *("tests/processes/test_start_gate.py", "tests/processes/test_data_folder.py"),
    *("tests/processes/test_web_connections.py", "tests/processes/test_web_bodies.py"),
    *("tests/dashboard/test_locks.py", "tests/dashboard/test_redis_folder.py"),
    *("tests/dashboard/test_backup_archive.py",),
    *("tests/dashboard/test_security_settings.py", "tests/dashboard/test_checks.py"),
    *("tests/sign_in/test_addresses.py", "tests/sign_in/test_hosts.py"),
    *("tests/processes/test_clock.py", "tests/processes/test_full_disk.py"),
    *("tests/processes/test_rotation.py", "tests/processes/test_unusable_files.py"),
    *("tests/chaos/test_killed_parts.py", "tests/dashboard/test_setting_values.py"),
    *("tests/dashboard/test_backup_archive.py", "tests/dashboard/test_runbook.py"),
)
"""What touches no database, or looks at pages or the clock only, runs once: in the first round.

So does the long run of the model, whose moves test_state_machine.py plays on both databases."""

PROCESSES = "3"
"""Processes of pytest on two cores: those of tests/processes mostly wait."""

SECONDS_TO_END = 60.0
"""How long pytest may clean up after it was interrupted."""


def main(arguments: list[str]) -> int:
    """Run both rounds; 0 only if both passed."""
    signal.signal(signal.SIGTERM, _interrupt)
    results = []
    try:
        results.append(_round("SQLite", None, arguments))
        ignored = [f"--ignore={path}" for path in ONCE]
        with own_postgres() as url:
            results.append(_round("PostgreSQL", url, [*ignored, *arguments]))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    print()
    for name, code, seconds in results:
        print(f"{name:<11} {'passed' if code == 0 else 'FAILED':<7} in {seconds:.0f} s")
    return max(code for _, code, _ in results)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """A polite kill ends the run as Ctrl-C does, so that nothing is left behind."""
    raise KeyboardInterrupt


def _round(name: str, url: str | None, arguments: list[str]) -> tuple[str, int, float]:
    print(f"\n── {name} ──", flush=True)
    start = time.monotonic()
    with _data_dir() as folder:
        env = {**os.environ, "DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        env.pop("DATABASE_URL", None)
        if url:
            env["DATABASE_URL"] = url
        report = folder / "report.xml"
        code = _pytest(["-n", PROCESSES, f"--junitxml={report}", *arguments], env)
        if code == 0 and os.environ.get("CI", "").lower() in {"1", "true"}:
            code = _refuse_skips(report)
    return name, code, time.monotonic() - start


@contextmanager
def _data_dir() -> Iterator[Path]:
    """A folder with a short path, because sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="console-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pytest(arguments: list[str], env: dict[str, str]) -> int:
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=env)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # A Ctrl-C in the terminal has reached pytest by itself; a kill has not.
        process.send_signal(signal.SIGINT)
        raise
    finally:
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _refuse_skips(report: Path) -> int:
    """What was skipped here was not tested anywhere."""
    skipped = [
        f"  {case.get('classname')}::{case.get('name')}: {mark.get('message')}"
        for case in ET.parse(report).iter("testcase")  # noqa: S314  # Written by our own pytest.
        for mark in case.iter("skipped")
        if mark.get("type") != "pytest.xfail"
    ]
    if skipped:
        print("In CI no test may be skipped:", *skipped, sep="\n")
    return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
