"""`manage.py backup` and `restore`: whole on a running console, private, and never half written."""

import resource
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.processes.backups import COMMANDS, new_machine, refused, run, state, with_data
from tests.processes.conftest import MakeInstallation
from tests.processes.installation import MANAGE, ROOT, Installation


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    return with_data(make_installation)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


def test_m8_a_backup_on_a_new_machine_is_the_whole_installation(
    installation: Installation, archive: Path
) -> None:
    run(installation, "backup", str(archive))

    with new_machine(installation) as machine:
        done = run(machine, "restore", str(archive))

        assert "20 commands may have been sent" in done.stdout
        assert "Unchanged" in run(machine, "audit_verify").stdout
        assert machine.rows(COMMANDS) == [(20,)]
        kept = ("agent-logs/ab/c.zip", "audit-archive/2025.zip", "audit-exports/1.zip")
        for name in (*kept, "secret_key", "audit_keys"):
            here, there = machine.folder / name, installation.folder / name
            assert here.read_bytes() == there.read_bytes()
        assert run(machine, "dispatch", "--seconds", "1").stdout == "0 calls made\n"


def test_m8_backups_while_the_console_writes_are_whole(
    installation: Installation, archive: Path
) -> None:
    installation.start_redis()
    processes = [installation.worker(), installation.ticker()]
    for number in range(3):
        installation.submit("unexempt", *(f"n{number}-{each}" for each in range(200)))
        path = archive.with_name(f"{number}.tar")
        run(installation, "backup", str(path))
        assert (
            "It can be restored here" in run(installation, "restore", "--dry-run", str(path)).stdout
        )
    for process in processes:
        installation.kill(process)

    with new_machine(installation) as machine:
        run(machine, "restore", str(archive.with_name("2.tar")))

        counts = (
            "SELECT device_count, (SELECT COUNT(*) FROM actions_devicecommand"
            " WHERE request_id = r.id) FROM actions_actionrequest r"
        )
        assert sorted(machine.rows(counts)) == [(20, 20), (200, 200), (200, 200), (200, 200)]
        # Anchors that were written after the copy of the database may name lines that it lacks.
        found = machine.manage("audit_verify").stdout.splitlines()
        told = [line for line in found if not line.endswith(" …")]  # Progress is none.
        assert [line for line in told if not line.startswith(("Unchanged", "cut", "anchors"))] == []


def test_m8_a_dry_run_changes_nothing(installation: Installation, archive: Path) -> None:
    run(installation, "backup", str(archive))
    before = state(installation)

    done = run(installation, "restore", "--dry-run", str(archive))

    assert done.stdout.startswith("Whole: made at ")
    assert state(installation) == before


def test_m8_the_archive_and_all_that_is_restored_is_private(
    installation: Installation, archive: Path
) -> None:
    run(installation, "backup", str(archive))
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert list(archive.parent.iterdir()) == [archive]
    with tarfile.open(archive) as tar:
        assert {member.mode for member in tar} == {0o600}

    with new_machine(installation) as machine:
        run(machine, "restore", str(archive))

        own = [path for path in machine.folder.rglob("*") if "static" not in path.parts]
        assert [path for path in own if path.lstat().st_mode & 0o077] == []
        assert not list(machine.folder.rglob(".restore-*"))


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_m8_a_disk_that_is_full_leaves_nothing_half_written(
    installation: Installation, archive: Path, command: str
) -> None:
    big = installation.folder / "agent-logs/big.zip"
    big.write_bytes(bytes(3_000_000))
    if command == "restore":
        run(installation, "backup", str(archive))
        big.unlink()
    before = state(installation)

    done = subprocess.run(
        [*MANAGE, command, str(archive)],
        cwd=ROOT,
        env=installation.env,
        capture_output=True,
        text=True,
        check=False,
        # As a full disk does, the kernel refuses to write more to a file.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, 2_500_000)),
    )

    assert "File too large" in refused(done)
    assert list(archive.parent.iterdir()) == ([archive] if command == "restore" else [])
    assert state(installation) == before
    if command == "restore":
        run(installation, "restore", str(archive))
        assert big.stat().st_size == 3_000_000
