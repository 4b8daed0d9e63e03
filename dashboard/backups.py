"""Make and restore backups: the database and the files of the data folder, in one archive.

The archive is a tar file. Its last member is a manifest with the size and SHA-256 of each other
member. What belongs to one moment only is left out: locks, sockets, static files, and the epoch,
which must show after a restore that the database is older than the world.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection

FORM = 1
"""Version of the archive's form."""

MANIFEST = "manifest.json"

NAMES = ("secret_key", "audit_keys", "simulator.json", "demo_people.json")
PATTERNS = (
    "audit-anchors*.jsonl",
    "audit-lost*.jsonl",
    "audit-archive/**/*",
    "agent-logs/**/*",
    "audit-exports/**/*",
)
"""The files of the data folder that a backup holds."""

KEYS = ("secret_key", "audit_keys")
"""Files that must be the same, or absent, where a backup is restored."""

BLOCK = 2**20


class BackupError(Exception):
    """The backup cannot be made or restored; the text says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an archive holds, after all checksums were compared."""

    made_at: str
    vendor: str
    files: dict[str, dict[str, Any]]

    @property
    def bytes(self) -> int:
        """Sum of the sizes."""
        return sum(int(each["bytes"]) for each in self.files.values())


def make(path: Path) -> Found:
    """Write a backup to this file, whole or not at all; raises BackupError or OSError."""
    if path.exists():
        raise BackupError(f"{path} exists already.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        draft = Path(folder) / "archive"
        dump = Path(folder) / f"database.{connection.vendor}"
        _dump(dump)
        files: dict[str, dict[str, Any]] = {}
        with tarfile.open(draft, "w") as archive:
            for name, source in [(dump.name, dump), *_files()]:
                if stated := _add(archive, name, source):
                    files[name] = stated
            found = Found(datetime.now(UTC).isoformat(timespec="seconds"), connection.vendor, files)
            text = json.dumps(
                {"form": FORM, "made_at": found.made_at, "vendor": found.vendor, "files": files}
            ).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size, member.mode = len(text), 0o600
            archive.addfile(member, io.BytesIO(text))
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    return found


def check(path: Path) -> Found:
    """Compare all checksums of a backup; raises BackupError."""
    digests: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] = {}
    try:
        with tarfile.open(path, "r") as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is None:
                    raise BackupError(f"{member.name} is no file.")
                if member.name == MANIFEST:
                    manifest = json.load(file)
                else:
                    digests[member.name] = _digest(file)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise BackupError(f"It is not a whole backup: {error}.") from None
    if manifest.get("form") != FORM:
        raise BackupError("It has no manifest, or one of another version.")
    if manifest["files"] != digests:
        names = ", ".join(_differing(manifest["files"], digests)[:5])
        raise BackupError(f"It was altered or cut: {names}.")
    return Found(str(manifest["made_at"]), str(manifest["vendor"]), digests)


def restore(path: Path) -> Found:
    """Put a backup in place of the database, and add the files that are missing.

    The present SQLite file is kept beside it. Raises BackupError; nothing is changed then.
    """
    found = check(path)
    if found.vendor != connection.vendor:
        raise BackupError(f"It is of {found.vendor}, and DATABASE_URL names {connection.vendor}.")
    folder = Path(settings.DATA_DIR)
    for name in KEYS:
        present = folder / name
        if name in found.files and present.exists():
            with present.open("rb") as file:
                if _digest(file) != found.files[name]:
                    raise BackupError(
                        f"{name} in DATA_DIR differs from the one in the backup: it is of another "
                        "installation. Restore into an empty DATA_DIR, or move the file away."
                    )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".restore-") as place:
        dump = Path(place) / f"database.{found.vendor}"
        with tarfile.open(path, "r") as archive:
            for member in archive:
                if member.name == MANIFEST:
                    continue
                target = dump if member.name == dump.name else folder / _safe(member.name)
                if not target.exists():
                    _extract(archive, member, target)
        _load(dump)
    return found


def _differing(stated: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return sorted(
        name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name)
    )


def _files() -> Iterator[tuple[str, Path]]:
    folder = Path(settings.DATA_DIR)
    for name in NAMES:
        if (folder / name).is_file():
            yield name, folder / name
    for pattern in PATTERNS:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder)), path


def _add(archive: tarfile.TarFile, name: str, source: Path) -> dict[str, Any] | None:
    """Add a file and return its size and digest; None if it was removed meanwhile."""
    try:
        file = source.open("rb")
    except FileNotFoundError:
        return None
    with file:
        member = tarfile.TarInfo(name)
        member.size, member.mode = os.fstat(file.fileno()).st_size, 0o600
        reader = _Hashing(file, member.size)
        archive.addfile(member, reader)  # type: ignore[arg-type]  # It only reads.
        return {"bytes": member.size, "sha256": reader.digest.hexdigest()}


class _Hashing:
    """Reads so many bytes of a file, which may grow meanwhile, and hashes them."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left, self.digest = file, size, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        return data


def _digest(file: IO[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _safe(name: str) -> Path:
    """Return the relative path of a member; raises BackupError if it leads elsewhere."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise BackupError(f"{name} lies outside of DATA_DIR.")
    return path


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise BackupError(f"{member.name} is no file.")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".restore-")
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(source, file, BLOCK)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(target)


def _dump(path: Path) -> None:
    """Write the database as it is at one moment to a file, while others write to it."""
    path.touch(mode=0o600)
    if connection.vendor == "sqlite":
        with (
            closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        return
    _run("pg_dump", "--format=custom", f"--file={path}")


def _load(path: Path) -> None:
    if connection.vendor != "sqlite":
        _run(
            *("pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction"),
            *("--exit-on-error", f"--dbname={_database()['NAME']}", str(path)),
        )
        return
    with closing(sqlite3.connect(path)) as database:
        [result] = database.execute("PRAGMA integrity_check").fetchone()
    if result != "ok":
        raise BackupError(f"The database in it is damaged: {result}.")
    connection.close()
    present = Path(settings.DATABASES["default"]["NAME"])
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for suffix in ("", "-wal", "-shm"):
        old = Path(f"{present}{suffix}")
        if old.exists():
            old.rename(f"{present}.before-{stamp}{suffix}")
    path.replace(present)


def _database() -> dict[str, Any]:
    return dict(settings.DATABASES["default"])


def _run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL; the password goes by the environment."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not installed.")
    database = _database()
    names = {"NAME": "PGDATABASE", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
    names |= {"HOST": "PGHOST", "PORT": "PGPORT"}
    env = os.environ | {new: str(database[old]) for old, new in names.items() if database.get(old)}
    done = subprocess.run(  # noqa: S603  # A program of PostgreSQL with our own arguments.
        [found, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.strip().splitlines()[-1:] or 'it failed'}")
