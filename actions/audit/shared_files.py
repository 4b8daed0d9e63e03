"""Files of the trail, exports and archives, where other hosts reach them too.

They are written to the data folder. With AGENT_LOG_STORAGE, which all hosts share, an export is
moved there and an archive is copied.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages

EXPORTS, ARCHIVES = "audit-exports", "audit-archive"


def share(folder: str, path: Path, *, keep: bool) -> None:
    """Store a file in the shared storage, if there is one; remove the own one unless `keep`."""
    if not settings.SHARED_STORAGE:
        return
    name = f"{folder}/{path.name}"
    with path.open("rb") as file:
        storages["agent_logs"].delete(name)
        storages["agent_logs"].save(name, File(file))
    if not keep:
        path.unlink()


def open_file(folder: str, path: Path) -> "File[Any] | None":
    """Open a file here or in the shared storage; None if it is in neither."""
    with suppress(FileNotFoundError):
        return File(path.open("rb"), name=path.name)
    name = f"{folder}/{path.name}"
    if settings.SHARED_STORAGE and storages["agent_logs"].exists(name):
        return storages["agent_logs"].open(name)
    return None


def remove(folder: str, path: Path) -> None:
    """Remove a file here and in the shared storage."""
    path.unlink(missing_ok=True)
    if settings.SHARED_STORAGE:
        storages["agent_logs"].delete(f"{folder}/{path.name}")
