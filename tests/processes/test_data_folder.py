"""The data folder of real processes: nobody else on this machine reads a file of the console."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.data_folder import OTHERS
from tests.processes.installation import MANAGE, ROOT, bare_environment, short_folder
from tests.processes.test_up import Console, up

NOBODY = 65534


@pytest.fixture
def console() -> Iterator[Console]:
    with short_folder() as folder:
        console = Console(folder)
        yield console
        console.clear()


def open_files(folder: Path) -> dict[str, str]:
    """Return the modes of all files and folders in the folder that others could use."""
    found = {}
    for path in folder.rglob("*"):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # SQLite removes its temporary files.
            continue
        if mode & OTHERS and not stat.S_ISLNK(mode):
            found[str(path.relative_to(folder))] = oct(stat.S_IMODE(mode))
    return found


def readable_by_nobody(folder: Path) -> str:
    """Return the paths of the files in the folder that another user can read."""
    done = subprocess.run(
        ["find", str(folder), "-type", "f", "-readable"],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def command(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, *args],
        cwd=ROOT,
        env=bare_environment(folder) | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711, 0o777, 0o1777, 0o701, 0o720])
def test_m3_a_folder_that_others_can_reach_is_refused_with_the_command_that_closes_it(
    console: Console, mode: int
) -> None:
    console.folder.chmod(mode)

    done = up(console.folder, console.port)

    assert done.returncode == 1
    assert done.stderr == (
        f"Wrong setting: DATA_DIR {console.folder} is open to other users (mode {mode:04o}). "
        f"Close it: chmod 700 {console.folder}\n"
    )
    assert not list(console.folder.iterdir())


def test_m3_all_files_of_a_running_console_are_private_in_a_folder_made_beforehand(
    console: Console,
) -> None:
    previous = os.umask(0o022)
    try:
        shutil.rmtree(console.folder)
        subprocess.run(["mkdir", "-m", "755", str(console.folder)], check=True)
        refused = up(console.folder, console.port)
        subprocess.run(refused.stderr.partition("Close it: ")[2].split(), check=True)
        with short_folder() as elsewhere:  # For the output of `up`, which is no file of its own.
            console.start(log_folder=elsewhere)
    finally:
        os.umask(previous)

    wanted = {
        "simulator.sqlite3",
        "simulator.sqlite3-wal",
        "simulator.sqlite3-shm",
        "up.lock",
        "up.json",
    }
    seen: set[str] = set()
    end = time.monotonic() + 60
    while not wanted <= seen:
        assert open_files(console.folder) == {}
        assert time.monotonic() < end, seen
        # The last connection removes -wal and -shm when it is closed.
        seen |= {path.name for path in console.folder.iterdir()}
        time.sleep(0.02)
    assert open_files(console.folder) == {}


def test_m3_files_that_an_earlier_version_left_open_are_closed_and_told(console: Console) -> None:
    folder = console.folder
    database, inside = folder / "console.sqlite3", folder / "agent-logs" / "ab" / "log.zip"
    inside.parent.mkdir(parents=True)
    for path in (database, inside):
        path.write_bytes(b"")
        path.chmod(0o644)
    for path in (inside.parent, inside.parent.parent):
        path.chmod(0o755)
    outside = folder.parent / f"{folder.name}-outside"
    outside.write_bytes(b"")
    outside.chmod(0o644)
    (folder / "link").symlink_to(outside)
    try:
        first, second = command(folder, "diffsettings"), command(folder, "diffsettings")
        mode = stat.S_IMODE(outside.stat().st_mode)
    finally:
        outside.unlink()

    assert open_files(folder) == {}
    assert mode == 0o644
    assert first.stderr == (
        f"Closed to other users of this machine, in {folder}: "
        "agent-logs, agent-logs/ab, agent-logs/ab/log.zip, console.sqlite3\n"
    )
    assert second.stderr == ""


def test_a_folder_that_cannot_be_made_is_told_in_one_line(console: Console) -> None:
    for place in ("/proc/none", "/etc/hostname", f"{console.folder}/file/below"):
        (console.folder / "file").touch()
        done = command(Path(place), "migrate")
        assert done.returncode == 1
        assert done.stderr.startswith(f"Wrong setting: DATA_DIR {place}: ")
        assert len(done.stderr.splitlines()) == 1


def test_all_processes_of_a_long_data_folder_find_the_same_redis(console: Console) -> None:
    folder = console.folder / ("x" * 100)
    show = (
        "shell",
        "--no-imports",
        "-c",
        "from django.conf import settings as s; print(s.REDIS_URL)",
    )

    first, second = command(folder, *show), command(folder, *show)

    socket = Path(first.stdout.strip().removeprefix("unix://"))
    assert first.stdout == second.stdout
    assert folder not in socket.parents
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    socket.parent.rmdir()


AS_ROOT = os.geteuid() == 0

if AS_ROOT:
    # Only root can give a folder away, or try to read as another user.

    def test_m6_another_user_cannot_read_the_database_in_an_open_folder_elsewhere(
        console: Console,
    ) -> None:
        with short_folder() as elsewhere:
            elsewhere.chmod(0o755)
            database = elsewhere / "console.sqlite3"
            before = {"DATABASE_URL": f"sqlite:///{database}"}
            assert command(console.folder, "migrate", **before).returncode == 0
            database.chmod(0o644)  # As an earlier version made it.
            assert readable_by_nobody(elsewhere) == str(database)

            done = command(console.folder, "migrate", **before)

            assert f"Closed to other users of this machine: {database}" in done.stderr
            assert readable_by_nobody(elsewhere) == ""

    def test_m3_a_folder_of_another_user_is_refused(console: Console) -> None:
        os.chown(console.folder, NOBODY, NOBODY)

        done = command(console.folder, "migrate")

        assert done.returncode == 1
        assert "belongs to nobody" in done.stderr
        assert f"chown -R root {console.folder}" in done.stderr
        assert not list(console.folder.iterdir())

    def test_m3_another_user_reads_no_file_even_if_the_folder_is_opened_later(
        console: Console,
    ) -> None:
        assert command(console.folder, "migrate").returncode == 0
        console.folder.chmod(0o755)
        assert (console.folder / "simulator.sqlite3").exists()
        assert readable_by_nobody(console.folder) == ""
