"""Checks and exports of the trail: requested by a person, run by a worker, kept for a while."""

import logging
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from actions import free_disk, on_commit, spreadsheets
from actions.actor import Actor
from actions.audit import manifests, shared_files, verify
from actions.audit import selectors as audit
from actions.audit.models import AuditJob
from actions.audit.query import AuditQuery, parse_audit_query
from actions.budgets import budget
from actions.budgets.budget import Budget
from actions.errors import Code, Problem, Refused
from actions.roles import check_reads_audit
from actions.trail import head, trail
from actions.trail.models import AuditEvent
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb

FORMATS = ("csv", "xlsx", "jsonl")
EXPORT_DAYS = 7
"""Days after which an export is deleted; the query in its manifest creates it again."""

MAX_EXPORTS = 50
"""Exports that are kept of one person at the same time."""

STALE_AFTER = timedelta(seconds=90)
"""Age of a heartbeat after which another worker restarts the job."""

HEARTBEAT_SECONDS = 2.0
NO_EXPORT = "No export is written"

EXPORT_COLUMNS = (
    *("id", "at", "actor", "role", "source", "address", "request_id", "verb", "subject_kind"),
    *("subject", "reason", "detail", "ticket", "kind", "count", "call", "data", "key", "previous"),
    *("mac", "on_behalf_of", "host", "terminal"),
)
"""The columns of an export, in their order."""

TABLE_COLUMNS = {"key": "key_id", "mac": "signature"}
"""Columns of the table whose name in an export differs, because files keep their form."""

ENDED_VERB = {
    (AuditJob.Kind.CHECK, AuditJob.State.DONE): Verb.AUDIT_CHECKED,
    (AuditJob.Kind.CHECK, AuditJob.State.FAILED): Verb.AUDIT_CHECK_FAILED,
    (AuditJob.Kind.EXPORT, AuditJob.State.DONE): Verb.AUDIT_EXPORTED,
    (AuditJob.Kind.EXPORT, AuditJob.State.FAILED): Verb.AUDIT_EXPORT_FAILED,
}
"""Event of a job that ended, by its kind and state."""


@records_refusals(Verb.AUDIT_CHECK_REFUSED, fixed_subject("audit", "trail"))
def ask_check(actor: Actor) -> AuditJob:
    """Request a check of the whole trail; return the one that waits or runs, if there is one."""
    check_reads_audit(actor.role)
    with transaction.atomic():
        head.lock()
        running = AuditJob.objects.filter(kind=AuditJob.Kind.CHECK, ended_at=None).first()
        if running:
            return running
        job = _store(actor, AuditJob.Kind.CHECK)
        trail.record(actor, Verb.AUDIT_CHECK_ASKED, subject_kind="audit", subject=str(job.uuid))
    return job


@records_refusals(Verb.AUDIT_EXPORT_REFUSED, fixed_subject("audit", "trail"))
def ask_export(actor: Actor, query: AuditQuery, file_format: str) -> AuditJob:
    """Request the result of a query as a file; raises Refused for an invalid query or format."""
    check_reads_audit(actor.role)
    problems = [
        Problem(name, Code.INVALID_FILTER, text)
        for name, texts in query.problems.items()
        for text in texts
    ]
    if file_format not in FORMATS:
        problems.append(Problem("", Code.UNKNOWN_FORMAT, "Choose CSV, XLSX or JSON lines."))
    if problems:
        raise Refused(*problems)
    free_disk.check(NO_EXPORT)
    with transaction.atomic():
        _check_room(actor)
        budget.take(actor, Budget.EXPORTS)
        job = _store(actor, AuditJob.Kind.EXPORT, query=query.values, format=file_format)
        trail.record(
            actor,
            Verb.AUDIT_EXPORT_ASKED,
            subject_kind="audit",
            subject=str(job.uuid),
            question=query.values,
            form=file_format,
        )
    return job


@records_refusals(Verb.AUDIT_DOWNLOAD_REFUSED, fixed_subject("audit", "trail"))
def open_export(job: AuditJob, actor: Actor) -> "File[Any]":
    """Record the download of an export and open it; raises Refused if it has expired."""
    check_reads_audit(actor.role)
    path = Path(settings.AUDIT_EXPORT_DIR) / job.file
    file = shared_files.open_file(shared_files.EXPORTS, path) if job.file else None
    if file is None:
        raise Refused.because("", Code.EXPORT_EXPIRED, "This export has expired. Create it again.")
    trail.record(
        actor,
        Verb.AUDIT_EXPORT_TAKEN,
        subject_kind="audit",
        subject=str(job.uuid),
        question=job.query,
        sha256=job.result.get("sha256"),
    )
    return file


def _check_room(actor: Actor) -> None:
    kept = AuditJob.objects.filter(kind=AuditJob.Kind.EXPORT, actor=actor.name)
    if kept.filter(Q(expires_at=None) | Q(expires_at__gt=now())).count() >= MAX_EXPORTS:
        raise Refused.because(
            "",
            Code.TOO_MANY_EXPORTS,
            "You have %(count)s exports, as many as are kept for one person. "
            "Wait until one of them expires.",
            count=MAX_EXPORTS,
        )


def _store(actor: Actor, kind: str, **values: Any) -> AuditJob:
    on_commit.wake_audit_worker()
    return AuditJob.objects.create(
        kind=kind, user_id=actor.user_id, actor=actor.label[:150], requested_at=now(), **values
    )


def work() -> int:
    """Run all waiting jobs, and those whose worker died; return how many."""
    count = 0
    while job := claim():
        run(job)
        count += 1
    return count


def claim() -> AuditJob | None:
    """Claim the next job by compare-and-swap, so that no other worker runs it; return it."""
    stale = Q(state=AuditJob.State.RUNNING, heartbeat_at__lt=now() - STALE_AFTER)
    for job in AuditJob.objects.filter(Q(state=AuditJob.State.WAITING) | stale).order_by("pk"):
        seen = AuditJob.objects.filter(pk=job.pk, state=job.state, heartbeat_at=job.heartbeat_at)
        if seen.update(state=AuditJob.State.RUNNING, heartbeat_at=now(), done=0):
            job.refresh_from_db()
            return job
    return None


def run(job: AuditJob) -> None:
    """Run the job and store its result, or the type of the error that ended it."""
    try:
        result = _check(job) if job.kind == AuditJob.Kind.CHECK else _export(job)
    except Refused as refusal:
        _end(job, AuditJob.State.FAILED, {"trouble": str(refusal)})
    except Exception as error:
        logging.getLogger(__name__).exception("Job %s on the trail failed.", job.pk)
        _end(job, AuditJob.State.FAILED, {"trouble": type(error).__name__})
    else:
        _end(job, AuditJob.State.DONE, result)


@transaction.atomic
def _end(job: AuditJob, state: str, result: dict[str, Any]) -> None:
    at = now()
    running = AuditJob.objects.filter(pk=job.pk, state=AuditJob.State.RUNNING, ended_at=None)
    if not running.update(
        state=state,
        result=result,
        file=job.file,
        heartbeat_at=at,
        ended_at=at,
        expires_at=at + timedelta(days=EXPORT_DAYS),
    ):
        return
    data = {key: value for key, value in result.items() if key != "findings"}
    data |= {"findings": result["findings"][:5]} if "findings" in result else {}
    if "count" in data:
        data["lines"] = data.pop("count")  # `count` means devices in AuditEvent.
    verb = ENDED_VERB[AuditJob.Kind(job.kind), AuditJob.State(state)]
    trail.record(trail.ENGINE, verb, subject_kind="audit", subject=str(job.uuid), **data)


class Heartbeat:
    """Store a job's progress while it runs, so that no other worker restarts it."""

    def __init__(self, job: AuditJob) -> None:
        self.job, self.next = job, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Store the progress, at most once in HEARTBEAT_SECONDS."""
        if time.monotonic() > self.next:
            self.next = time.monotonic() + HEARTBEAT_SECONDS
            AuditJob.objects.filter(pk=self.job.pk).update(
                done=done, total=total, heartbeat_at=now()
            )


def _check(job: AuditJob) -> dict[str, Any]:
    return verify.verify(progress=Heartbeat(job)).as_data()


def _export(job: AuditJob) -> dict[str, Any]:
    """Write the result of the query and its manifest into one zip file."""
    free_disk.check(NO_EXPORT)
    folder = Path(settings.AUDIT_EXPORT_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    job.file = f"audit-{job.uuid}.zip"
    new = folder / f"{job.file}.{os.getpid()}.new"
    upto = head.head()[0]
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as box:
            manifest = _write_result(
                box, parse_audit_query(job.query), job.format, upto, Heartbeat(job)
            )
        new.chmod(0o600)
        new.replace(folder / job.file)
        shared_files.share(shared_files.EXPORTS, folder / job.file, keep=False)
    finally:
        new.unlink(missing_ok=True)
    return {"count": manifest["count"], "sha256": manifest["files"][0]["sha256"], "upto": upto}


def _write_result(
    box: zipfile.ZipFile, query: AuditQuery, file_format: str, upto: int, beat: Heartbeat
) -> dict[str, Any]:
    """Write the lines one by one, then the manifest; return the manifest."""
    counted = CountingReader(audit.oldest_first(query, upto), lambda done: beat(done, upto))
    name = f"audit.{file_format}"
    with box.open(name, "w", force_zip64=True) as raw:
        file = manifests.HashingWriter(raw)
        if file_format == "xlsx":
            rows = map(_row, counted)
            spreadsheets.xlsx_file(file, EXPORT_COLUMNS, rows)  # type: ignore[arg-type]  # It only writes.
        elif file_format == "csv":
            for line in spreadsheets.csv_rows(EXPORT_COLUMNS, map(_row, counted)):
                file.write(line.encode())
        else:
            for line in spreadsheets.jsonl_rows(map(line_of, counted)):
                file.write(line.encode())
    manifest = manifests.make_manifest(
        [(name, file.sha256, file.size)], counted.count, question=query.values, upto=upto
    )
    box.writestr(manifests.NAME, manifests.as_text(manifest))
    return manifest


class CountingReader:
    """An iterable of lines that counts them and reports each one's id."""

    def __init__(self, events: Iterable[AuditEvent], beat: Callable[[int], None]) -> None:
        self._events, self._beat, self.count = events, beat, 0

    def __iter__(self) -> Iterator[AuditEvent]:
        for event in self._events:
            self.count += 1
            self._beat(event.pk)
            yield event


def line_of(event: AuditEvent) -> dict[str, Any]:
    """Return a line of the trail as exports, archives and streams hold it."""
    line = {name: getattr(event, TABLE_COLUMNS.get(name, name)) for name in EXPORT_COLUMNS}
    return {**line, "at": event.at.isoformat(), "user_id": event.user_id}


def _row(event: AuditEvent) -> list[object]:
    line = line_of(event)
    return [
        manifests.compact(line[name]) if name == "data" else line[name] for name in EXPORT_COLUMNS
    ]


def delete_expired() -> int:
    """Delete the files of expired exports; return how many."""
    expired = AuditJob.objects.filter(expires_at__lt=now()).exclude(file="")
    count = 0
    for job in expired:
        shared_files.remove(shared_files.EXPORTS, Path(settings.AUDIT_EXPORT_DIR) / job.file)
        count += AuditJob.objects.filter(pk=job.pk).update(file="")
    return count
