"""The data folder: only the user of the console may reach it, and what lies in it.

The settings check the folder before they write a secret into it. `start` closes what an earlier
version left open.
"""

import fcntl
import json
import os
import pwd
import shlex
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The permissions of the group and of all other users."""

UNFINISHED = "restore-unfinished"
"""The file that is there while a backup is restored; it says what to do if that was killed."""

SOCKET_BYTES = 100
"""Longest path of a Unix socket; the kernel accepts 107 bytes."""


def prepare_folder(folder: Path) -> None:
    """Create the folder with mode 0700; raise ImproperlyConfigured if others can reach it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR {folder}: {error.strerror}.") from None
    name = shlex.quote(str(folder))
    if found.st_uid != os.geteuid():
        owner, user = _name_of(found.st_uid), _name_of(os.geteuid())
        raise ImproperlyConfigured(
            f"DATA_DIR {folder} belongs to {owner}, and this process runs as {user}. Run it as "
            f"{owner}, or give the folder to {user}: chown -R {user} {name}"
        )
    if found.st_mode & OTHERS:
        raise ImproperlyConfigured(
            f"DATA_DIR {folder} is open to other users (mode {stat.S_IMODE(found.st_mode):04o}). "
            f"Close it: chmod 700 {name}"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"DATA_DIR {folder} cannot be written: it is on a read-only disk, or its mode forbids "
            f"it. Try: chmod 700 {name}"
        )


def read_json(path: Path) -> dict[str, str]:
    """Return the texts by name that a file of ours holds; raise ImproperlyConfigured if damaged."""
    try:
        found = json.loads(path.read_text(encoding="ascii"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ImproperlyConfigured(
            f"{path} is empty or damaged. Remove it: the next start makes a new one."
        )
    return found


def close_to_others(folder: Path) -> list[Path]:
    """Take the permissions of others from our files in the folder; return the files changed.

    Links and files of other users are left alone. A folder that is closed already is not entered.
    """
    return close_paths(folder.iterdir())


def close_paths(paths: Iterable[Path]) -> list[Path]:
    """Take the permissions of others from these, as `close_to_others` does; return those changed.

    A path where nothing is counts as closed.
    """
    closed: list[Path] = []
    for path in paths:
        try:
            # Through a descriptor, so that the file cannot be exchanged for a link meanwhile.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # A link, a socket, or removed meanwhile.
            continue
        try:
            found = os.fstat(handle)
            if found.st_uid != os.geteuid() or not found.st_mode & OTHERS:
                continue
            os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~OTHERS)
        finally:
            os.close(handle)
        closed.append(path)
        if stat.S_ISDIR(found.st_mode):
            closed += close_to_others(path)
    return closed


def redis_socket(folder: Path) -> Path:
    """Return the path of the console's own Redis: in the folder, or elsewhere if that is too long.

    Elsewhere is a new folder with a random name, which `redis-folder` in the data folder names.
    """
    socket = folder / "redis" / "redis.sock"
    if len(os.fsencode(socket)) > SOCKET_BYTES:
        socket = _short_folder(folder / "redis-folder") / "redis.sock"
    if len(os.fsencode(socket)) > SOCKET_BYTES:
        raise ImproperlyConfigured(
            "The paths of DATA_DIR and of the folder for temporary files are too long for the "
            "socket of Redis. Choose a shorter DATA_DIR, or set REDIS_URL."
        )
    return socket


def is_private(folder: Path) -> bool:
    """Return whether this is a folder of ours, not a link, that nobody else can reach."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.geteuid() and not found.st_mode & OTHERS
    return ours and stat.S_ISDIR(found.st_mode)


def _short_folder(record: Path) -> Path:
    """Return the folder that the record names, or make one; all processes get the same one."""
    with os.fdopen(os.open(record, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder = Path(file.read() or "-")
        if not is_private(folder):
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "-")
            base = runtime if runtime.is_absolute() and is_private(runtime) else None
            folder = Path(tempfile.mkdtemp(prefix="console-", dir=base))
            file.seek(0)
            file.truncate()
            file.write(str(folder))
    return folder


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
