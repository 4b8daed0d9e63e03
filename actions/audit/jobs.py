"""Checks and exports of the trail: asked for by a person, done by a worker, kept for a while."""

import logging
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from actions import on_commit, spreadsheets
from actions.actor import Actor
from actions.audit import manifests, verify
from actions.audit import selectors as audit
from actions.audit.models import AuditJob
from actions.audit.query import AuditQuery, parse_audit_query
from actions.errors import Code, Problem, Refused
from actions.roles import check_reads_audit
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.refusals import fixed_subject, records_refusals
from actions.trail.verbs import Verb

FORMS = ("csv", "xlsx", "jsonl")
KEPT_DAYS = 7
"""Days after which an export is dropped; the manifest's query makes it again."""

DEAD_AFTER = timedelta(seconds=90)
BEAT_SECONDS = 2.0

HEAD = (
    *("id", "at", "actor", "role", "source", "address", "request_id", "verb", "subject_kind"),
    *("subject", "reason", "detail", "ticket", "kind", "count", "call", "data", "key", "previous"),
    "mac",
)
"""The columns of an export, which are all that a line holds."""

COLUMNS = {"key": "key_id", "mac": "signature"}
"""Columns of an export whose name differs from the column of the table: files keep their form."""

ENDED_VERB = {
    (AuditJob.Kind.CHECK, AuditJob.State.DONE): Verb.AUDIT_CHECKED,
    (AuditJob.Kind.CHECK, AuditJob.State.FAILED): Verb.AUDIT_CHECK_FAILED,
    (AuditJob.Kind.EXPORT, AuditJob.State.DONE): Verb.AUDIT_EXPORTED,
    (AuditJob.Kind.EXPORT, AuditJob.State.FAILED): Verb.AUDIT_EXPORT_FAILED,
}
"""Event of a job that ended, by its kind and state."""


@records_refusals(Verb.AUDIT_CHECK_REFUSED, fixed_subject("audit", "trail"))
def ask_check(actor: Actor) -> AuditJob:
    """Ask for a check of the whole trail; if one waits or runs, that one is returned."""
    check_reads_audit(actor.role)
    with transaction.atomic():
        trail.lock()
        running = AuditJob.objects.filter(kind=AuditJob.Kind.CHECK, ended_at=None).first()
        if running:
            return running
        job = _store(actor, AuditJob.Kind.CHECK)
        trail.record(actor, Verb.AUDIT_CHECK_ASKED, subject_kind="audit", subject=str(job.uuid))
    return job


@records_refusals(Verb.AUDIT_EXPORT_REFUSED, fixed_subject("audit", "trail"))
def ask_export(actor: Actor, query: AuditQuery, form: str) -> AuditJob:
    """Ask for the answer to a query as a file; raises Refused for what cannot be."""
    check_reads_audit(actor.role)
    problems = [Problem(name, Code.INVALID_FILTER, text) for name, text in query.problems().items()]
    if form not in FORMS:
        problems.append(Problem("", Code.UNKNOWN_FORMAT, "Choose CSV, XLSX or JSON lines."))
    if problems:
        raise Refused(*problems)
    with transaction.atomic():
        job = _store(actor, AuditJob.Kind.EXPORT, query=query.view(), format=form)
        trail.record(
            actor,
            Verb.AUDIT_EXPORT_ASKED,
            subject_kind="audit",
            subject=str(job.uuid),
            question=query.view(),
            form=form,
        )
    return job


@records_refusals(Verb.AUDIT_DOWNLOAD_REFUSED, fixed_subject("audit", "trail"))
def open_export(job: AuditJob, actor: Actor) -> Path:
    """Record that somebody takes an export away; raises Refused if it is not there any more."""
    check_reads_audit(actor.role)
    path = Path(settings.AUDIT_EXPORT_DIR) / job.file
    if not job.file or not path.exists():
        raise Refused.because("", Code.EXPORT_EXPIRED, "This export has expired. Create it again.")
    trail.record(
        actor,
        Verb.AUDIT_EXPORT_TAKEN,
        subject_kind="audit",
        subject=str(job.uuid),
        question=job.query,
        sha256=job.result.get("sha256"),
    )
    return path


def _store(actor: Actor, kind: str, **told: Any) -> AuditJob:
    on_commit.wake_audit_worker()
    return AuditJob.objects.create(
        kind=kind, user_id=actor.user_id, actor=actor.name, requested_at=now(), **told
    )


def work() -> int:
    """Do what is asked for, also what a worker died over; returns how many."""
    count = 0
    while job := claim():
        run(job)
        count += 1
    return count


def claim() -> AuditJob | None:
    """The next job, taken by compare-and-swap; another worker takes another one."""
    stale = Q(state=AuditJob.State.RUNNING, heartbeat_at__lt=now() - DEAD_AFTER)
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
    except Exception as error:
        logging.getLogger(__name__).exception("Job %s on the trail failed.", job.pk)
        _end(job, AuditJob.State.FAILED, {"trouble": type(error).__name__})
    else:
        _end(job, AuditJob.State.DONE, result)


@transaction.atomic
def _end(job: AuditJob, state: str, result: dict[str, Any]) -> None:
    moment = now()
    mine = AuditJob.objects.filter(pk=job.pk, state=AuditJob.State.RUNNING, ended_at=None)
    if not mine.update(
        state=state,
        result=result,
        file=job.file,
        heartbeat_at=moment,
        ended_at=moment,
        expires_at=moment + timedelta(days=KEPT_DAYS),
    ):
        return
    told = {key: value for key, value in result.items() if key != "findings"}
    told |= {"findings": result["findings"][:5]} if "findings" in result else {}
    if "count" in told:
        told["lines"] = told.pop("count")  # A count in the trail is one of devices.
    verb = ENDED_VERB[AuditJob.Kind(job.kind), AuditJob.State(state)]
    trail.record(trail.ENGINE, verb, subject_kind="audit", subject=str(job.uuid), **told)


class Heartbeat:
    """Tells now and then how far a job has come, so that nobody else begins it anew."""

    def __init__(self, job: AuditJob) -> None:
        self.job, self.next = job, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Store the progress, at most once in BEAT_SECONDS."""
        if time.monotonic() > self.next:
            self.next = time.monotonic() + BEAT_SECONDS
            AuditJob.objects.filter(pk=self.job.pk).update(
                done=done, total=total, heartbeat_at=now()
            )


def _check(job: AuditJob) -> dict[str, Any]:
    own = Path(settings.AUDIT_ANCHORS_FILE)
    return verify.verify([own] if own.exists() else [], Heartbeat(job)).as_data()


def _export(job: AuditJob) -> dict[str, Any]:
    """Write the answer and its manifest into one zip file."""
    folder = Path(settings.AUDIT_EXPORT_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    job.file = f"audit-{job.uuid}.zip"
    new = folder / f"{job.file}.{os.getpid()}.new"
    upto = trail.head()[0]
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as box:
            manifest = write_answer(
                box, parse_audit_query(job.query), job.format, upto, Heartbeat(job)
            )
        new.chmod(0o600)
        new.replace(folder / job.file)
    finally:
        new.unlink(missing_ok=True)
    return {"count": manifest["count"], "sha256": manifest["files"][0]["sha256"], "upto": upto}


def write_answer(
    box: zipfile.ZipFile, query: AuditQuery, form: str, upto: int, beat: Any
) -> dict[str, Any]:
    """Write the answer, row by row, and then the manifest."""
    counted = CountingReader(audit.oldest_first(query, upto), lambda done: beat(done, upto))
    name = f"audit.{form}"
    with box.open(name, "w", force_zip64=True) as raw:
        file = manifests.HashingWriter(raw)
        if form == "xlsx":
            spreadsheets.xlsx_file(file, HEAD, map(_row, counted))  # type: ignore[arg-type]  # It only writes.
        elif form == "csv":
            for line in spreadsheets.csv_rows(HEAD, map(_row, counted)):
                file.write(line.encode())
        else:
            for line in spreadsheets.jsonl_rows(map(line_of, counted)):
                file.write(line.encode())
    manifest = manifests.make_manifest(
        [(name, file.sha256, file.size)], counted.count, question=query.view(), upto=upto
    )
    box.writestr(manifests.NAME, manifests.as_text(manifest))
    return manifest


class CountingReader:
    """Lines that are counted as they pass."""

    def __init__(self, events: Iterable[AuditEvent], beat: Any) -> None:
        self._events, self._beat, self.count = events, beat, 0

    def __iter__(self) -> Iterator[AuditEvent]:
        for event in self._events:
            self.count += 1
            self._beat(event.pk)
            yield event


def line_of(event: AuditEvent) -> dict[str, Any]:
    """A line of the trail with all it holds, as an export gives it."""
    line = {name: getattr(event, COLUMNS.get(name, name)) for name in HEAD}
    return {**line, "at": event.at.isoformat(), "user_id": event.user_id}


def _row(event: AuditEvent) -> list[object]:
    line = line_of(event)
    return [manifests.compact(line[name]) if name == "data" else line[name] for name in HEAD]


def drop_old() -> int:
    """Drop the files of exports whose time is over; returns how many."""
    old = AuditJob.objects.filter(expires_at__lt=now()).exclude(file="")
    count = 0
    for job in old:
        (Path(settings.AUDIT_EXPORT_DIR) / job.file).unlink(missing_ok=True)
        count += AuditJob.objects.filter(pk=job.pk).update(file="")
    return count
