"""What every process checks in the database before it works: its schema, and what hosts share."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from tests.ports import free_port
from tests.processes.databases import SqliteDatabase
from tests.processes.installation import CELERY, MANAGE, ROOT, Installation
from tests.processes.outage import Link

AUDIT_KEYS = f"hosts:{token_hex(32)}"

PROCESSES = {
    "web": [sys.executable, "-m", "uvicorn", "dashboard.asgi:application"],
    "worker": [*CELERY, "worker", "--concurrency", "1"],
    "ticker": [*MANAGE, "tick"],
    "up": [*MANAGE, "up"],
    "dispatch": [*MANAGE, "dispatch", "--seconds", "1"],
}
COMMANDS = {
    "submit_action": [*MANAGE, "submit_action", "exempt", "a", "--reason", "x"],
    "migrate": [*MANAGE, "migrate"],
    "sync_devices": [*MANAGE, "sync_devices"],
    "add_person": [*MANAGE, "add_person", "somebody", "--role", "viewer"],
}


def refused(installation: Installation, command: list[str], seconds: float = 60) -> str:
    """Run a process, which must end by itself with one message; return it."""
    if command in (PROCESSES["web"], PROCESSES["up"]):
        command = [*command, "--port", str(free_port())]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=installation.env | {"REDIS_URL": "redis://127.0.0.1:9/0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def run_sql(installation: Installation, statement: str) -> None:
    if isinstance(installation.database, SqliteDatabase):
        with closing(sqlite3.connect(installation.database.path)) as connection:
            connection.execute(statement)
            connection.commit()
        return
    with psycopg.connect(installation.database.url, autocommit=True) as server:
        server.execute(statement.encode())


@pytest.mark.parametrize("app", ["actions", "dashboard", "auth"])
def test_m10_a_newer_schema_is_refused_by_every_process(
    installation: Installation, app: str
) -> None:
    run_sql(
        installation,
        "INSERT INTO django_migrations (app, name, applied) "  # noqa: S608
        f"VALUES ('{app}', '0999_of_tomorrow', '2030-01-01 00:00:00')",
    )

    chosen = PROCESSES | COMMANDS if app == "actions" else {"worker": PROCESSES["worker"]}
    for name, command in chosen.items():
        said = refused(installation, command)
        assert "is of a newer version of the console" in said, name
        assert f"{app} 0999_of_tomorrow" in said, name
        assert said.count("\n") <= 1, said


@pytest.fixture
def other_host(installation: Installation, tmp_path: Path) -> Installation:
    """A second host on the same database, with a data folder and all keys of its own."""
    installation.env["AUDIT_KEYS"] = AUDIT_KEYS
    assert installation.manage("dispatch", "--seconds", "0").returncode == 0
    folder = tmp_path / "other"
    folder.mkdir(mode=0o700)
    return Installation(folder, installation.database, installation.vendor)


def share(first: Installation, other: Installation, *names: str) -> None:
    """Give the other host these of the first one's keys and storage."""
    for name in names:
        if name == "storage":
            place = {"location": str(first.folder / "agent-logs")}
            backend = "django.core.files.storage.FileSystemStorage"
            other.env["AGENT_LOG_STORAGE"] = json.dumps({"BACKEND": backend, "OPTIONS": place})
        elif name == "AUDIT_KEYS":
            other.env[name] = first.env[name]
        else:
            (other.folder / name).write_bytes((first.folder / name).read_bytes())
            (other.folder / name).chmod(0o600)


MISSING = {
    "AUDIT_KEYS": "AUDIT_KEYS",
    "secret_key": "SECRET_KEY differs",
    "storage": "AGENT_LOG_STORAGE",
}


@pytest.mark.parametrize("missing", MISSING)
def test_h5_a_host_that_differs_is_refused_and_told_what_to_do(
    installation: Installation, other_host: Installation, missing: str
) -> None:
    installation.submit("unexempt", "a")  # The trail is signed now.
    share(installation, other_host, *(name for name in MISSING if name != missing))

    for name, command in PROCESSES.items():
        said = refused(other_host, command)
        assert MISSING[missing] in said, name
        assert "on all hosts" in said, name
    assert installation.manage("audit_verify").returncode == 0


def test_h5_a_host_that_has_all_of_it_works(
    installation: Installation, other_host: Installation
) -> None:
    share(installation, other_host, *MISSING)

    for host in (installation, other_host):
        done = host.manage("dispatch", "--seconds", "0")
        assert done.returncode == 0, done.stderr


def test_h5_a_person_accepts_the_keys_and_the_storage_of_a_host(
    installation: Installation, other_host: Installation
) -> None:
    done = other_host.manage("audit_accept", "--reason", "The disk of the first host is gone.")
    assert done.returncode == 0, done.stderr

    assert other_host.manage("dispatch", "--seconds", "0").returncode == 0
    assert "SECRET_KEY differs" in refused(installation, PROCESSES["dispatch"])


def test_m10_up_makes_a_way_back_before_it_changes_the_tables(installation: Installation) -> None:
    assert installation.manage("migrate", "actions", "0023").returncode == 0
    if not isinstance(installation.database, SqliteDatabase):
        name = "console"
        with psycopg.connect(installation.database.url, application_name=name):
            assert "Stop them on all hosts" in refused(installation, PROCESSES["up"])
        return
    folder = installation.folder / "before-upgrade"
    folder.mkdir(mode=0o700)
    for day in range(1, 5):
        (folder / f"console-2026010{day}T000000-0001_initial.sqlite3").touch()

    up = installation.spawn_manage("up", "--port", str(free_port()))
    installation.wait_until(lambda: "The console is up" in installation.output(), 90)
    up.terminate()
    up.wait(90)

    copies = sorted(path.name for path in folder.iterdir())
    assert len(copies) == 3
    assert copies[-1].endswith("-0023_tickers.sqlite3")
    assert str(folder / copies[-1]) in installation.output()
    assert (folder / copies[-1]).stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(folder / copies[-1])) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = "SELECT count(*) FROM sqlite_master WHERE name = 'actions_fingerprint'"
        assert copy.execute(query).fetchall() == [(0,)]


@pytest.mark.parametrize("process", ["up", "dispatch", "worker"])
def test_m5_a_server_that_never_answers_is_told_in_one_line(
    installation: Installation, process: str
) -> None:
    if isinstance(installation.database, SqliteDatabase):
        return
    link = Link(installation.folder / "link", installation.database.url)
    link.mute = True
    link.join()
    installation.env["DATABASE_URL"] = link.url
    try:
        command = PROCESSES[process]
        if process == "up":
            command = [*command, "--port", str(free_port())]
        started = installation.spawn(*command)
        installation.wait_until(lambda: "timeout" in installation.output(), 30)
        said = installation.output()
    finally:
        link.cut()
    installation.kill(started)
    assert "Traceback" not in said
    assert said.strip().count("\n") == 0, said
