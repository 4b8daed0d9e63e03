"""The archive of a backup: a tar file of plain files; its last member states their checksums."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Any

FORM = 1
"""Version of the archive's form."""

MANIFEST = "manifest.json"
VENDORS = ("sqlite", "postgresql")

NAMES = ("secret_key", "audit_keys", "simulator.json", "demo_people.json")
ANCHORS = ("audit-anchors*.jsonl", "audit-lost*.jsonl")
FOLDERS = ("audit-archive", "agent-logs", "audit-exports")
"""The files of the data folder that a backup holds: by name, by pattern, and whole folders."""

BLOCK = 2**20

Digest = dict[str, Any]
"""Size and SHA-256 of a file."""


class BackupError(Exception):
    """The backup cannot be made or restored; the text says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an archive holds."""

    made_at: str
    vendor: str
    migrations: tuple[str, ...]
    files: dict[str, Digest]

    @property
    def made(self) -> str:
        """The time at which it was made, for people."""
        return f"{datetime.fromisoformat(self.made_at):%Y-%m-%d %H:%M} UTC"

    @property
    def bytes(self) -> int:
        """Sum of the sizes."""
        return sum(int(each["bytes"]) for each in self.files.values())


def dump_name(vendor: str) -> str:
    """Return the name of the member that holds the database."""
    return f"database.{vendor}"


def write(path: Path, found: Found, sources: Iterable[tuple[str, Path]]) -> Found:
    """Write an archive of these files, and return what it holds."""
    with tarfile.open(path, "w") as archive:
        for name, source in sources:
            if stated := _add(archive, name, source):
                found.files[name] = stated
        text = json.dumps(
            {
                "form": FORM,
                "made_at": found.made_at,
                "vendor": found.vendor,
                "migrations": found.migrations,
                "files": found.files,
            }
        ).encode()
        text += f"\n{hashlib.sha256(text).hexdigest()}\n".encode()
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mode = len(text), 0o600
        archive.addfile(member, io.BytesIO(text))
    sync(path)
    return found


def check(path: Path) -> Found:
    """Compare all checksums of a backup; raises BackupError."""
    digests: dict[str, Digest] = {}
    manifest = None
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if _is_plain(member) else None
                if file is None or member.name in digests:
                    raise BackupError(f"{member.name!r} does not belong in a backup.")
                if member.name == MANIFEST:
                    manifest = _read_manifest(file.read())
                else:
                    digests[member.name] = digest(file)
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise BackupError(f"It is not a whole backup: {error}.") from None
    if manifest is None:
        raise BackupError("It is not a whole backup: it has no manifest, so its end is missing.")
    if manifest.files != digests:
        names = ", ".join(_differing(manifest.files, digests)[:5])
        raise BackupError(f"It was altered or cut: {names}.")
    if manifest.vendor not in VENDORS or dump_name(manifest.vendor) not in digests:
        raise BackupError("It holds no database.")
    return manifest


def extract(path: Path, name: str, target: Path) -> None:
    """Write one member to a file, whole or not at all."""
    with tarfile.open(path, "r:") as archive:
        source = archive.extractfile(name)
        if source is None:
            raise BackupError(f"{name!r} is no file.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".restore-")
        try:
            with os.fdopen(handle, "wb") as file:
                shutil.copyfileobj(source, file, BLOCK)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def digest(file: IO[bytes]) -> Digest:
    """Return the size and SHA-256 of what is left of a file."""
    found, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        found.update(block)
        size += len(block)
    return {"bytes": size, "sha256": found.hexdigest()}


def sync(path: Path) -> None:
    """Wait until a file or a folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Return whether it is a plain file, with a name that a backup may hold."""
    first, *rest = member.name.split("/")
    if not member.isreg() or not {"", ".", ".."}.isdisjoint([first, *rest]):
        return False
    if rest:
        return first in FOLDERS
    known = (MANIFEST, *NAMES, *map(dump_name, VENDORS))
    return first in known or any(fnmatchcase(first, pattern) for pattern in ANCHORS)


def _read_manifest(content: bytes) -> Found:
    text, _, checksum = content.partition(b"\n")
    if checksum.strip().decode(errors="replace") != hashlib.sha256(text).hexdigest():
        raise BackupError("Its manifest was altered, or is of another version.")
    try:
        stated: dict[str, Any] = json.loads(text)
        if stated["form"] != FORM:
            raise BackupError("It was made by another version of the console.")
        at = datetime.fromisoformat(stated["made_at"]).isoformat(timespec="seconds")
        names = tuple(str(name) for name in stated["migrations"])
        return Found(at, str(stated["vendor"]), names, dict(stated["files"]))
    except (ValueError, KeyError, TypeError):
        raise BackupError("Its manifest has another form.") from None


def _differing(stated: dict[str, Digest], found: dict[str, Digest]) -> list[str]:
    return sorted(
        name for name in stated.keys() | found.keys() if stated.get(name) != found.get(name)
    )


def _add(archive: tarfile.TarFile, name: str, source: Path) -> Digest | None:
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
