"""Retention: old lines are removed only into signed archives, and the remaining chain stays whole.

A piece is at most PIECE_LINES lines. Each goes in this order:

1. The archive is written under a passing name, read back, and renamed.
2. The trail records it, with the last line of each step. From now on the archive stands for its
   lines, so a later run writes no second one: it goes on with step 3.
3. The lines are deleted step by step, each in a transaction of its own that suspends the triggers.
   After each step the remaining chain begins where a recorded step ends.
"""

import time
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from actions import free_disk, spreadsheets
from actions.actor import Actor
from actions.audit import manifests, shared_files
from actions.audit.jobs import line_of
from actions.trail import guards, head, trail
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb

NAME = "audit.jsonl"

PIECE_LINES = 50_000
"""Lines of one archive, which is some 6 MB."""

STEP_LINES = 1_000
"""Lines that one transaction deletes; the writers of the trail wait for it."""

STEP_DEVICES = 5_000
"""Named devices after which a step ends, because each is a row as well."""

REST, LONGEST_REST = 1.0, 1.0
"""A rest is so many times as long as the work before it, and at most so many seconds."""

LOCKED_PAUSE = 1.0
"""Seconds until the tables are tried again that others hold."""

Step = tuple[int, str]
"""The id and signature of the last line of a step."""


class ArchiveMissing(Exception):
    """The file of a recorded archive is gone, and its lines are still here: they stay."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """An archive: its file, and the steps in which its lines are deleted."""

    path: Path
    steps: list[Step]


def archive(
    before: datetime, actor: Actor = trail.ENGINE, go_on: Callable[[], bool] = lambda: True
) -> list[Path]:
    """Move the lines before a time into signed archives; return the paths of those that it wrote.

    The cut is before the first younger line, so that the remaining lines are a whole chain.
    `go_on` is asked between two transactions; whatever is left is for the next run, which first
    ends what this one began.
    """
    younger = AuditEvent.objects.filter(at__gte=before).order_by("pk")
    cut = younger.values_list("pk", flat=True).first() or head.head()[0]
    _delete_unrecorded()
    written: list[Path] = []
    if (begun := _begun()) and not _delete_lines(begun, go_on):
        return written
    while go_on():
        old = AuditEvent.objects.filter(pk__lt=cut).order_by("pk")[:PIECE_LINES]
        if not old.exists():
            break
        free_disk.check("No archive of the audit trail is written")
        piece = _write(old, actor)
        written.append(piece.path)
        if not _delete_lines(piece, go_on):
            break
    return written


def rest(seconds: float) -> None:
    """Leave the database and the processor to others after so many seconds of work."""
    time.sleep(min(LONGEST_REST, REST * seconds))


def _folder() -> Path:
    return Path(settings.AUDIT_ARCHIVE_DIR)


def _first() -> int:
    """Return the id of the first line, or of the line to come."""
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first()
    return first or head.head()[0] + 1


def _begun() -> _Piece | None:
    """Return the archive whose lines a run before has not deleted to the end."""
    lines = AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED).order_by("-pk")
    line = lines.values_list("subject", "data").first()
    if line is None or line[1]["last_id"] < _first():
        return None
    return _Piece(_folder() / line[0], [(last, mac) for last, mac in line[1].get("steps", ())])


def _delete_unrecorded() -> None:
    """Delete the files of a run that ended before it recorded them, if their lines are here."""
    for path in _folder().glob("audit-to-*.zip"):
        if AuditEvent.objects.filter(verb=Verb.AUDIT_ARCHIVED, subject=path.name).exists():
            continue
        end = manifests.read_manifest(path)
        last = AuditEvent.objects.filter(pk=int(end.get("last_id") or 0)).first()
        if last is not None and last.signature == end["last_mac"]:
            path.unlink(missing_ok=True)


def _delete_lines(piece: _Piece, go_on: Callable[[], bool]) -> bool:
    """Delete the lines of a recorded archive step by step; return whether none is left."""
    file = shared_files.open_file(shared_files.ARCHIVES, piece.path)
    if file is None:
        raise ArchiveMissing(
            f"The archive {piece.path.name} is not in {_folder().name}. Its lines are still in the "
            "database and stay there: put the file back."
        )
    file.close()
    first = _first()
    for last, _ in piece.steps:
        if last < first:
            continue
        if not go_on():
            return False
        began = time.monotonic()
        while not _delete_step(last):
            if not go_on():
                return False
        rest(time.monotonic() - began)
    return True


def _delete_step(last: int) -> bool:
    """Delete the lines up to this one; return False if the tables could not be locked soon."""
    try:
        with transaction.atomic():
            guards.limit_lock_wait(connection)
            head.lock()
            with guards.triggers_suspended(connection):
                guards.forget_words(connection, last)
                AuditDevice.objects.filter(event_id__lte=last)._raw_delete(using=connection.alias)
                AuditEvent.objects.filter(pk__lte=last)._raw_delete(using=connection.alias)
    except OperationalError as error:
        if not guards.is_lock_timeout(error):
            raise
        time.sleep(LOCKED_PAUSE)
        return False
    return True


def _write(old: QuerySet[AuditEvent], actor: Actor) -> _Piece:
    """Write the archive of these lines and record it; without its line in the trail it goes."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / "audit.new"
    steps: list[Step] = []
    try:
        manifest = _write_file(new, old, steps)
        last, mac = steps[-1]
        path = folder / f"audit-to-{last}-{mac[:8]}.zip"
        if manifests.check_manifest(new).findings:
            raise RuntimeError(f"The archive {path.name} cannot be read back; no line was removed.")
        new.chmod(0o600)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    try:
        shared_files.share(shared_files.ARCHIVES, path, keep=True)
        _record(path, manifest, steps, actor)
    except BaseException:
        shared_files.remove(shared_files.ARCHIVES, path)
        raise
    return _Piece(path, steps)


def _record(path: Path, manifest: dict[str, Any], steps: list[Step], actor: Actor) -> None:
    trail.record(
        actor,
        Verb.AUDIT_ARCHIVED,
        subject_kind="audit",
        subject=path.name,
        last_id=steps[-1][0],
        last_mac=steps[-1][1],
        lines=manifest["count"],
        sha256=manifest["files"][0]["sha256"],
        steps=steps,
    )


def _write_file(new: Path, old: QuerySet[AuditEvent], steps: list[Step]) -> dict[str, Any]:
    """Write the zip with its signed manifest, and note the steps; return the manifest."""
    count = 0
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as box:
        with box.open(NAME, "w", force_zip64=True) as raw:
            file = manifests.HashingWriter(raw)
            # Closed here whatever happens: left to Python, it is closed in a later transaction.
            with closing(cast("Generator[AuditEvent]", old.iterator(500))) as events:
                noted = _noting_steps(events, steps)
                for line in spreadsheets.jsonl_rows(line_of(event) for event in noted):
                    file.write(line.encode())
                    count += 1
        last_id, last_mac = steps[-1]
        manifest = manifests.make_manifest(
            [(NAME, file.sha256, file.size)], count, last_id=last_id, last_mac=last_mac
        )
        box.writestr(manifests.NAME, manifests.as_text(manifest))
    return manifest


def _noting_steps(events: Iterator[AuditEvent], steps: list[Step]) -> Iterator[AuditEvent]:
    """Yield the lines, and note where each step of their deletion ends."""
    lines = devices = 0
    last: AuditEvent | None = None
    began = time.monotonic()
    for event in events:
        last = event
        yield event
        lines += 1
        if event.lists_devices:
            devices += len(event.data.get("devices") or event.data.get("targets") or ())
        if lines >= STEP_LINES or devices >= STEP_DEVICES:
            steps.append((event.pk, event.signature))
            lines = devices = 0
            rest(time.monotonic() - began)
            began = time.monotonic()
    if last is not None and lines:
        steps.append((last.pk, last.signature))
