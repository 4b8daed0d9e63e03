"""The disk of the data folder is full: nothing is lost, and all goes on once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.simulator import Simulator
from tests.processes.databases import PostgresDatabase, SqliteDatabase
from tests.processes.installation import MANAGE, ROOT, Installation, bare_environment
from tests.processes.surroundings import full_disk, small_disk

DEVICES = [f"d{number}" for number in range(60)]


@pytest.fixture
def installation(
    migrated_database: SqliteDatabase | PostgresDatabase,
) -> Iterator[Installation]:
    """An installation whose data folder lies on a disk of its own."""
    with small_disk(100) as folder, Simulator(devices=0, limit=(10, 2.0)) as vendor:
        database = migrated_database.copy_to(folder)
        installation = Installation(folder, database, vendor)
        yield installation
        installation.stop()
        database.remove()


def test_h4_a_full_disk_ends_no_process_and_sending_goes_on_when_there_is_room(
    installation: Installation,
) -> None:
    installation.env |= {
        "OPSWAT_RATE_LIMIT": "10/2",
        "OPSWAT_MAX_DEVICES": "2",
        # Leases of 7 s, so that a call whose answer could not be stored is given up in the test.
        "OPSWAT_TIMEOUT": "2/2",
        "ENGINE_RUN_SECONDS": "2",
        "ENGINE_GRACE_SECONDS": "0.5",
    }
    for device in DEVICES:
        installation.vendor.add_device(device_id=device)
    installation.submit("delete", *DEVICES)
    installation.start_redis()
    processes = [installation.worker(), installation.ticker()]
    installation.wait_until(lambda: len(installation.vendor.applied) >= 4)

    with full_disk(installation.folder):
        refused = installation.manage("submit_action", "delete", "--unlisted", "--ids", "x")
        assert refused.returncode != 0
        # Longer than any pause between two tries to store an answer.
        with pytest.raises(subprocess.TimeoutExpired):
            processes[0].wait(8)

    final = {"accepted", "confirmed", "unconfirmed"}
    installation.wait_until(lambda: set(installation.statuses().values()) <= final, 90)
    assert [process.poll() for process in processes] == [None, None], installation.output()
    assert set(installation.vendor.applied.values()) == {1}
    assert installation.manage("audit_verify").returncode == 0


def test_m7_a_first_start_on_a_full_disk_leaves_no_empty_secret() -> None:
    with small_disk(1) as folder:
        with full_disk(folder):
            assert check(folder).returncode != 0
        assert [path.name for path in folder.iterdir() if not path.stat().st_size] == []

        done = check(folder)

        assert done.returncode == 0, done.stderr
        assert len((folder / "secret_key").read_text()) > 40


def check(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*MANAGE, "check"],
        cwd=ROOT,
        env=bare_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
