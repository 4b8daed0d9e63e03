"""`manage.py restore` that is refused, fails or is killed: the database is whole, old or new."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from dashboard.standalone.run_lock import RunLock
from tests.processes.backups import COMMANDS, change, new_machine, refused, run, state, with_data
from tests.processes.conftest import MakeInstallation
from tests.processes.databases import SqliteDatabase
from tests.processes.installation import MANAGE, ROOT, Installation

KEY = "2026:" + "k3y" * 12


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    return with_data(make_installation)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


def test_m8_restore_is_refused_while_up_runs(installation: Installation, archive: Path) -> None:
    run(installation, "backup", str(archive))
    before = state(installation)

    with RunLock(installation.folder).held():
        assert "manage.py down" in refused(installation.manage("restore", str(archive)))

    assert state(installation) == before


def test_m8_restore_is_refused_while_anything_uses_the_database(
    installation: Installation, archive: Path
) -> None:
    run(installation, "backup", str(archive))
    wait = "from django.db import connection; connection.ensure_connection(); "
    wait += "connection.cursor().execute('SELECT COUNT(*) FROM actions_device'); "
    wait += "open('in-use', 'w').close(); input()"
    other = subprocess.Popen(
        [*MANAGE, "shell", "-c", wait.replace("in-use", str(archive.with_name("in-use")))],
        cwd=ROOT,
        env=installation.env,
        stdin=subprocess.PIPE,
    )
    try:
        installation.wait_until(archive.with_name("in-use").exists)
        before = state(installation)

        assert "The database is in use" in refused(installation.manage("restore", str(archive)))

        assert state(installation) == before
    finally:
        other.communicate(b"\n")
    run(installation, "restore", str(archive))


def test_m10_a_backup_of_a_newer_version_is_refused(
    installation: Installation, archive: Path
) -> None:
    change(
        installation,
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('actions', '9001_later', '2027-01-01 00:00:00')",
    )
    run(installation, "backup", str(archive))
    change(installation, "DELETE FROM django_migrations WHERE name = '9001_later'")
    before = state(installation)

    text = refused(installation.manage("restore", str(archive)))

    assert "newer version of the console, which knows actions.9001_later" in text
    assert state(installation) == before
    assert refused(installation.manage("restore", "--dry-run", str(archive))) == text


def test_m10_a_backup_of_an_older_version_undoes_a_newer_schema(
    installation: Installation, archive: Path
) -> None:
    run(installation, "backup", str(archive))
    change(installation, "CREATE TABLE later (id int REFERENCES actions_device (id))")

    run(installation, "restore", str(archive))

    with pytest.raises(Exception, match="later"):
        installation.rows("SELECT * FROM later")
    assert installation.rows(COMMANDS) == [(20,)]


def test_m8_a_database_that_is_damaged_is_replaced(
    installation: Installation, archive: Path
) -> None:
    run(installation, "backup", str(archive))
    if isinstance(installation.database, SqliteDatabase):
        installation.database.path.write_bytes(b"noise" * 5000)
    else:
        change(installation, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    (installation.folder / "secret_key").unlink()  # It was rotated since.
    run(installation, "restore", str(archive))

    assert installation.rows(COMMANDS) == [(20,)]


def test_h7_a_restore_that_fails_puts_the_former_database_back(
    installation: Installation, archive: Path
) -> None:
    installation.env["AUDIT_KEYS"] = KEY
    installation.submit("unexempt", "one-more")
    run(installation, "backup", str(archive))
    installation.submit("unexempt", "and-another")
    before = state(installation)
    installation.env["AUDIT_KEYS"] = ""

    text = refused(installation.manage("restore", str(archive)))

    assert "signed with the key 2026, which this host does not have" in text
    assert state(installation) == before
    installation.env["AUDIT_KEYS"] = KEY
    assert "Unchanged" in run(installation, "audit_verify").stdout
    run(installation, "restore", str(archive))
    assert installation.rows(COMMANDS) == [(21,)]


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.4, 0.9])
def test_m8_a_restore_that_is_killed_says_so_and_is_run_again(
    installation: Installation, archive: Path, moment: float
) -> None:
    run(installation, "backup", str(archive))
    installation.submit("unexempt", "one-more")
    mark = installation.folder / "restore-unfinished"
    restoring = installation.spawn_manage("restore", str(archive))
    installation.wait_until(lambda: mark.exists() or restoring.poll() is not None)
    end = time.monotonic() + moment  # At another place of the restore each time, wherever.
    installation.wait_until(lambda: time.monotonic() > end)
    restoring.send_signal(signal.SIGKILL)
    restoring.wait()

    if mark.exists():
        for command in (("backup", str(archive.with_name("b"))), ("dispatch",), ("tick",)):
            text = refused(installation.manage(*command))
            assert text.endswith(f"Run it again: manage.py restore {archive}")
    assert installation.manage("restore", str(archive)).returncode == 0

    assert installation.rows(COMMANDS) == [(20,)]
    assert installation.rows("SELECT frozen FROM actions_vendoraccount")[0][0]
    assert not list(installation.folder.glob(".restore-*"))


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore"])
@pytest.mark.parametrize("version", ["9.6.24", "13.5 (Debian 13.5-1)"])
def test_m8_programs_older_than_the_server_are_told_before_anything_is_written(
    installation: Installation, archive: Path, program: str, version: str
) -> None:
    folder = installation.folder / "bin"
    folder.mkdir()
    (folder / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")
    (folder / program).chmod(0o700)
    installation.env["PATH"] = f"{folder}:{installation.env['PATH']}"

    done = installation.manage("backup", str(archive))

    if isinstance(installation.database, SqliteDatabase):  # It needs no such program.
        assert done.returncode == 0
        return
    text = refused(done)
    assert f"{program} (PostgreSQL) {version} is older than the server" in text
    assert list(archive.parent.iterdir()) == []


def test_m8_a_backup_of_no_database_is_refused(installation: Installation, archive: Path) -> None:
    with new_machine(installation) as machine:
        assert "no tables" in refused(machine.manage("backup", str(archive)))
    assert not archive.exists()
    run(installation, "backup", str(archive))
    assert "exists already" in refused(installation.manage("backup", str(archive)))


def test_m8_a_backup_of_another_installation_is_refused(
    installation: Installation, make_installation: MakeInstallation, archive: Path
) -> None:
    run(installation, "backup", str(archive))
    other = make_installation()
    other.env["PATH"] = installation.env["PATH"]
    other.submit("unexempt", "a")
    before = state(other)

    text = refused(other.manage("restore", str(archive)))

    assert "of another installation" in text
    assert state(other) == before
