"""What surrounds the console's processes, so that a test can change it: the clock and the disk."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.processes.installation import short_folder

CHUNK = b"\0" * 65_536


class FakeClock:
    """The wall clock of processes that are started with `env`; their monotonic clock runs on.

    libfaketime is preloaded into the processes and reads from a file how far off their clock is.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.set(0)
        self.env = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: float) -> None:
        """Set the clock so many seconds off, at once for all processes."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+.0f}\n", encoding="ascii")
        draft.replace(self._file)


def _library() -> Path:
    found = find_spec("libfaketime")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Give a folder on a file system of its own. Only root may mount one: else pytest skips."""
    if os.geteuid() != 0:
        pytest.skip("Only root may mount a file system.")
    with short_folder() as folder:
        options = ("-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs")
        subprocess.run(["mount", *options, folder], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the file system of the folder until the end of this block.

    What is freed meanwhile can be written again, as on any disk that is full.
    """
    filler = folder / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (len(CHUNK), 512, 1):
            with suppress(OSError):
                while True:
                    os.write(handle, CHUNK[:size])
        yield
    finally:
        os.close(handle)
        filler.unlink()


def is_full(folder: Path) -> bool:
    """Return whether not even a page of data fits on the disk."""
    probe = folder / "probe"
    try:
        probe.write_bytes(CHUNK)
    except OSError as error:
        return error.errno == errno.ENOSPC
    finally:
        probe.unlink(missing_ok=True)
    return False
