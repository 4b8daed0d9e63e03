"""A file or folder that cannot be used is told in one line, without a traceback."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes.installation import MANAGE, ROOT, bare_environment, short_folder

# Root may write anywhere; without this capability it is held to the modes as everybody is.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]

SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "DATA_DIR that cannot be written": (lambda data: data.chmod(0o500), "cannot be written"),
    "DATA_DIR that cannot be entered": (lambda data: data.chmod(0o600), "cannot be written"),
    "an empty demo_people.json": (
        lambda data: (data / "demo_people.json").write_text(""),
        "demo_people.json is empty or damaged",
    ),
    "a demo_people.json that is a list": (
        lambda data: (data / "demo_people.json").write_text("[1]"),
        "demo_people.json is empty or damaged",
    ),
    "an empty simulator.json": (
        lambda data: (data / "simulator.json").write_text(""),
        "simulator.json is empty or damaged",
    ),
    "half a simulator.json": (
        lambda data: (data / "simulator.json").write_text('{"base_url": "http'),
        "simulator.json is empty or damaged",
    ),
    "a secret_key that cannot be read": (
        lambda data: (data / "secret_key").chmod(0),
        "secret_key: Permission denied",
    ),
    "audit_keys that cannot be read": (lambda data: (data / "audit_keys").chmod(0), "audit_keys"),
    "a database that cannot be written": (
        lambda data: (data / "simulator.sqlite3").chmod(0o400),
        "The database cannot be used",
    ),
    "a database that is none": (
        lambda data: (data / "simulator.sqlite3").write_bytes(b"no database" * 1000),
        "The database cannot be used",
    ),
    "static files that cannot be replaced": (lambda data: (data / "static").chmod(0o500), "static"),
}


def run(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    command = [*(AS_ANYBODY if os.geteuid() == 0 else []), *MANAGE, *args]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=bare_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(("spoil", "word"), SPOILED.values(), ids=SPOILED.keys())
def test_low_what_cannot_be_used_is_told_in_one_line(
    spoil: Callable[[Path], object], word: str
) -> None:
    with short_folder() as folder:
        assert run(folder, "migrate", "--verbosity", "0").returncode == 0
        (folder / "redis").mkdir(mode=0o700)
        (folder / "static").mkdir(mode=0o700)
        spoil(folder)
        try:
            done = run(folder, "up", "--port", str(free_port()))
        finally:
            for path in (folder, folder / "static", folder / "redis"):
                path.chmod(0o700)

    assert done.returncode != 0, done.stdout
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
