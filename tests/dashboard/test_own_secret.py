"""The secret key that a new installation makes for itself."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dashboard import settings


def test_processes_that_start_at_once_in_a_new_folder_read_the_same_whole_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    barrier = Barrier(8)

    def read(name: str) -> str:
        barrier.wait()
        return settings._own_secret(name)

    for turn in range(50):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(read, [f"secret{turn}"] * 8))

        assert set(found) == {(tmp_path / f"secret{turn}").read_text()}
        assert len(found[0]) == 67  # 50 bytes in base64.


def test_a_secret_is_readable_by_its_owner_only_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)

    settings._own_secret("secret_key")

    [file] = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("secret_key", 0o600)
