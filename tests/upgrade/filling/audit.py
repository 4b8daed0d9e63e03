"""Jobs, anchors, an archive and streams of the audit trail; and the brakes of the account."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from tests.upgrade.filling.old_code import (
    anchors,
    archive,
    audit_jobs,
    budget,
    control,
    models,
    settings_watch,
    trail_questions,
)
from tests.upgrade.filling.people import Users


def archive_lines(before: datetime) -> Path:
    """Move the lines before that moment into an archive, with an anchor on each side."""
    anchors.drop_anchor()
    path = archive.archive(before)
    if path is None:
        raise RuntimeError("There was nothing to archive.")
    anchors.drop_anchor()
    return Path(path)


def do_jobs(users: Users) -> Path:
    """Check and export the trail as it is now; returns the export."""
    settings_watch.watch()
    audit_jobs.ask_check(users.auditor)
    question = trail_questions.read_question({"person": users.operator.name, "q": "upgrade"})
    job = audit_jobs.ask_export(users.auditor, question, "jsonl")
    audit_jobs.work()
    return Path(audit_jobs.tell_download(models.AuditJob.objects.get(pk=job.pk), users.auditor))


def leave_jobs(users: Users) -> None:
    """Leave jobs that wait, that a worker died over and that failed; and two streams."""
    question = trail_questions.read_question({"verb": "request.submitted", "click": "0" * 32})
    audit_jobs.ask_export(users.auditor, question, "xlsx")
    audit_jobs.ask_check(users.operator)
    moment = now()
    kept: dict[str, Any] = {"user_id": users.auditor.user_id, "actor": "ada", "asked_at": moment}
    models.AuditJob.objects.create(
        what="export", state="running", form="csv", done=5, total=9, beat_at=moment, **kept
    )
    over = {"ended_at": moment, "expires_at": moment + timedelta(days=7)}
    result = {"trouble": "OperationalError"}
    models.AuditJob.objects.create(what="check", state="failed", result=result, **kept, **over)
    models.AuditShipment.objects.create(
        target="syslog+tls://siem.example.com:6514",
        last_id=7,
        sent_at=moment,
        trouble="The connection was refused.",
    )
    models.AuditShipment.objects.create(
        target="https://hooks.example.com/trail", last_id=3, busy_until=moment
    )
    anchors.drop_anchor()


def put_brakes_on(users: Users) -> None:
    """Freeze sending, open the circuit breaker and leave the heartbeats of two workers."""
    with transaction.atomic():
        account = budget.lock_account()
        account.unauthorized = 1
        budget.back_off(account, "The vendor answered 503.")
        budget.block(account, 3600, "The vendor's limit: try again in an hour.")
    control.freeze(users.operator, frozen=True, reason="Upgrade tonight.")
    for name, waiting in (("worker-1:10", True), ("worker-2:11", False)):
        models.PumpHeartbeat.objects.create(name=name, beat_at=now(), waiting=waiting)


class OwnKey:
    """Signs with the key of the installation, as before AUDIT_KEYS was set."""

    def __enter__(self) -> None:
        self._keys = settings.AUDIT_KEYS
        settings.AUDIT_KEYS = {"own": self._keys["own"]}

    def __exit__(self, *_: object) -> None:
        settings.AUDIT_KEYS = self._keys
