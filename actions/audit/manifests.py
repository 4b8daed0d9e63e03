"""Manifests: the signed description of an export or archive, with its query, size and checksums."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from actions.audit.findings import Finding, VerificationReport
from actions.trail import chain
from actions.trail.anchors import make_anchor

NAME = "manifest.json"
CHUNK_BYTES = 1 << 20

Opener = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a file of a manifest by its name."""


def make_manifest(files: Iterable[tuple[str, str, int]], count: int, **data: Any) -> dict[str, Any]:
    """Return a signed manifest of files (name, SHA-256, bytes), with an anchor of this moment."""
    listed = [{"name": name, "sha256": digest, "bytes": size} for name, digest, size in files]
    manifest = {**data, "count": count, "files": listed, "anchor": make_anchor()}
    return chain.sign_document(settings.AUDIT_KEYS, json.loads(json.dumps(manifest, default=str)))


def compact(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, default=str, ensure_ascii=False)


def as_text(manifest: dict[str, Any]) -> str:
    """Return a manifest as indented JSON."""
    return json.dumps(manifest, indent=1)


class HashingWriter:
    """A file wrapper that counts the bytes written through it and keeps their SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Write the bytes to the file."""
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Do nothing: this wrapper has no buffer."""

    @property
    def sha256(self) -> str:
        """The checksum of all bytes written."""
        return self._hash.hexdigest()


def check_manifest(path: Path) -> VerificationReport:
    """Check a manifest's signature and the checksum of each file that it names.

    `path` is the zip of an export, or the manifest beside its files. To compare the anchor of the
    manifest with the trail, use `audit_verify --anchors`.
    """
    report = VerificationReport()
    try:
        with _opened(path) as (manifest, read):
            _check_signature(report, manifest)
            for file in manifest.get("files", ()):
                _check_file(report, file, read)
            report.records = int(manifest.get("count", 0))
            report.head = str(manifest.get("anchor", {}).get("count", ""))
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        text = f"It cannot be read: {type(error).__name__}."
        report.findings.append(Finding("manifest", path.name, text))
    return report


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of an archive, or an empty one if the file cannot be read."""
    try:
        with _opened(path) as (manifest, _):
            return manifest
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return {}


def _check_signature(report: VerificationReport, manifest: dict[str, Any]) -> None:
    if not chain.verify_document(settings.AUDIT_KEYS, manifest):
        text = "It was not signed by this console, or it was changed afterwards."
        report.findings.append(Finding("manifest", NAME, text))


def _check_file(report: VerificationReport, file: dict[str, Any], read: Opener) -> None:
    digest = hashlib.sha256()
    try:
        with read(Path(file["name"]).name) as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
    except (KeyError, OSError):
        report.findings.append(Finding("file", file["name"], "It is missing."))
        return
    if digest.hexdigest() != file["sha256"]:
        report.findings.append(Finding("file", file["name"], "It was changed."))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[dict[str, Any], Opener]]:
    """Yield the manifest, and a function that opens a file named in it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as box:
            yield json.loads(box.read(NAME)), box.open
    else:
        text = path.read_text(encoding="utf-8")
        yield json.loads(text), lambda name: (path.parent / name).open("rb")
