"""The lock of the data folder: one `up` at a time, which process it is, and how its parts are."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


class RunningError(Exception):
    """Another `up` holds the lock; `pid` is its process, 0 if it has not told it yet."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid}" if pid else "a process that is just starting")
        self.pid = pid


@dataclass(frozen=True, slots=True)
class RunLock:
    """The files `up.lock` and `up.json` of a data folder."""

    folder: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; raises RunningError. It ends with this process: no child inherits it."""
        with self._file() as file:
            if not _locked(file.fileno()):
                raise RunningError(self.pid())
            self.tell({})
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Return whether an `up` runs."""
        with self._file() as file:
            return not _locked(file.fileno())

    def pid(self) -> int:
        """Return the process of the `up` that runs, or that ran last and was killed."""
        return int(self.told().get("pid") or 0)

    def told(self) -> dict[str, Any]:
        """Return what `up` has told of itself: pid, and what `tell` was given."""
        try:
            found = json.loads(self._state.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def tell(self, state: dict[str, Any]) -> None:
        """Store the state for `status` and `down`; the file is replaced as a whole.

        Raises OSError if it cannot be written, for example on a full disk.
        """
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix="up.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump({"pid": os.getpid(), **state}, file)
            Path(draft).replace(self._state)
        except OSError:
            with suppress(OSError):
                Path(draft).unlink()
            raise

    @property
    def _state(self) -> Path:
        return self.folder / "up.json"

    def _file(self) -> IO[str]:
        return (self.folder / "up.lock").open("a")


def _locked(file: int) -> bool:
    """Lock the file; return whether that succeeded."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
