"""Opens the stored file of a log, the only door to its bytes.

The file is compared with the SHA-256 of its row before anything of it is used. A file that differs
is no evidence: it is not opened, and the trail gets one line about it. A file that has been
compared is not read again for that while its size, times and inode stay the same. The time of
change (ctime) is part of them, because no program can set it.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from typing import BinaryIO, cast

from django.db import transaction

from actions.agent_logs.files import record, storage
from actions.agent_logs.models import AgentLog
from actions.agent_logs.zip.directory import BadArchive
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb

MAX_REMEMBERED = 1_000
_CHUNK = 2**20

Marks = tuple[int, ...]


class AlteredFile(BadArchive):
    """The stored file is not the one that the vendor sent."""


class _Compared:
    """The marks and digest of the files that this process has read last."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[Marks, str]] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, name: str, file: BinaryIO) -> str:
        """Return the SHA-256 of a file, computed once as long as the file stays the same."""
        marks = _marks(file)
        with self._lock:
            known = self._found.get(name)
        if known and marks and known[0] == marks:
            return known[1]
        digest = hashlib.sha256()
        file.seek(0)
        while data := file.read(_CHUNK):
            digest.update(data)
        with self._lock:
            self._found[name] = marks, digest.hexdigest()
            while len(self._found) > MAX_REMEMBERED:
                self._found.popitem(last=False)
        return digest.hexdigest()


COMPARED = _Compared()


def _marks(file: BinaryIO) -> Marks:
    """Return what changes when a file on a disk changes; nothing for another storage."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, AttributeError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def open_stored(log: AgentLog) -> BinaryIO:
    """Return the stored file, compared with its checksum; raises BadArchive."""
    try:
        file = cast("BinaryIO", storage().open(log.stored_as))
    except OSError:
        raise BadArchive("its file is not in the storage any more.") from None
    found = COMPARED.digest(log.stored_as, file)
    if found != log.sha256:
        file.close()
        _record_altered(log, found)
        raise AlteredFile(
            "it was changed after it was stored: its SHA-256 is not the one of the vendor's file."
        )
    file.seek(0)
    return file


@transaction.atomic
def _record_altered(log: AgentLog, found: str) -> None:
    """Record that a stored file differs, once for each content."""
    AgentLog.objects.select_for_update(of=("self",)).get(pk=log.pk)
    lines = AuditEvent.objects.filter(
        subject_kind="log", subject=str(log.uuid), verb=Verb.LOG_CHECK_FAILED
    )
    if any(line.data.get("found") == found for line in lines):
        return
    detail = "The stored file differs from its SHA-256. Nothing of it is shown."
    record(trail.ENGINE, Verb.LOG_CHECK_FAILED, log, detail=detail, sha256=log.sha256, found=found)
