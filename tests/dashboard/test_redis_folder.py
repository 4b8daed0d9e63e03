"""The folder of the console's own Redis, where the path of the data folder is too long."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from dashboard.data_folder import SOCKET_BYTES, is_private, redis_socket
from dashboard.standalone.redis_server import own_redis


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short folder for temporary files, open to everybody as /tmp is."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        Path(name).chmod(0o1777)
        yield Path(name)


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    folder = tmp_path / ("x" * SOCKET_BYTES)
    folder.mkdir(mode=0o700)
    return folder


def test_a_short_data_folder_holds_the_socket(tmp_path: Path) -> None:
    folder = Path("/srv/console")
    assert redis_socket(folder) == folder / "redis" / "redis.sock"


def test_low_the_folder_for_a_long_path_cannot_be_predicted_and_is_found_again(
    temporary: Path, long_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / ("y" * SOCKET_BYTES)
    other.mkdir(mode=0o700)

    first, again, second = map(redis_socket, (long_folder, long_folder, other))

    assert first == again
    assert first != second
    assert first.parent.parent == temporary
    assert is_private(first.parent)
    assert (long_folder / "redis-folder").stat().st_mode & 0o777 == 0o600
    # Another installation in a folder of the same name gets another one: it is not derived.
    (long_folder / "redis-folder").unlink()
    assert redis_socket(long_folder) != first


def test_processes_that_start_at_once_use_the_same_folder(
    temporary: Path, long_folder: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(redis_socket, [long_folder] * 32))

    assert len(found) == 1
    assert len(list(temporary.iterdir())) == 1


def set_trap(folder: Path, target: Path, trap: str) -> Path:
    """Put what the trap names in the place of the folder; return where its link leads."""
    target.mkdir()
    target.chmod(0o755)
    if trap == "link":
        folder.symlink_to(target)
    elif trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "file":
        folder.touch(mode=0o600)
    return target


@pytest.mark.parametrize("trap", ["link", "open", "file", "gone"])
def test_low_a_folder_that_is_not_ours_any_more_is_replaced_and_nothing_in_it_is_touched(
    temporary: Path, long_folder: Path, tmp_path: Path, trap: str
) -> None:
    folder = redis_socket(long_folder).parent
    folder.rmdir()
    target = set_trap(folder, tmp_path / "target", trap)

    socket = redis_socket(long_folder)

    assert socket.parent != folder
    assert is_private(socket.parent)
    assert target.stat().st_mode & 0o777 == 0o755
    with own_redis(socket):
        assert redis.Redis(unix_socket_path=str(socket)).ping()
    assert not list(target.iterdir())


def test_a_private_runtime_folder_is_preferred(
    temporary: Path, long_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = temporary / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    assert redis_socket(long_folder).parent.parent == runtime


def test_a_runtime_folder_that_others_can_reach_is_not_used(
    temporary: Path, long_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = temporary / "run"
    runtime.mkdir()
    runtime.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    assert redis_socket(long_folder).parent.parent == temporary


def test_paths_that_are_too_long_everywhere_are_refused_in_words(
    long_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))

    with pytest.raises(ImproperlyConfigured, match="Choose a shorter DATA_DIR"):
        redis_socket(long_folder)


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_low_redis_is_not_started_in_a_folder_that_others_control(
    tmp_path: Path, trap: str
) -> None:
    folder = tmp_path / "redis"
    target = set_trap(folder, tmp_path / "target", trap)

    with (
        pytest.raises(RuntimeError, match=rf"The folder {folder} for Redis"),
        own_redis(folder / "redis.sock"),
    ):
        pass

    assert target.stat().st_mode & 0o777 == 0o755
    assert not list(target.iterdir())


if os.geteuid() == 0:
    # Only root can give a folder away.

    def test_redis_is_not_started_in_the_folder_of_another_user(tmp_path: Path) -> None:
        folder = tmp_path / "redis"
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)

        with (
            pytest.raises(RuntimeError, match="belongs to another user"),
            own_redis(folder / "redis.sock"),
        ):
            pass

        assert not list(folder.iterdir())
