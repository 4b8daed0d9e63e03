"""Retention: old lines are removed only into a signed archive, and the remaining chain stays whole.

1. The archive is written and read back.
2. In one transaction, the trail records the archive, the triggers are dropped, the lines are
   deleted and the triggers are created again. Other transactions always see the triggers.
"""

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from actions import spreadsheets
from actions.actor import Actor
from actions.audit import manifests
from actions.audit.jobs import line_of
from actions.trail import head, trail
from actions.trail.guards import triggers_suspended
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb

NAME = "audit.jsonl"


def archive(before: datetime, actor: Actor = trail.ENGINE) -> Path | None:
    """Move the lines before a time into a signed archive; return its path, or None if none is old.

    The cut is before the first younger line, so that the remaining lines are a whole chain.
    """
    younger = AuditEvent.objects.filter(at__gte=before).order_by("pk")
    cut = younger.values_list("pk", flat=True).first() or head.head()[0]
    old = AuditEvent.objects.filter(pk__lt=cut).order_by("pk")
    last = old.last()
    if last is None:
        return None
    path, manifest = _write(old, last)
    report = manifests.check_manifest(path)
    if report.findings:
        raise RuntimeError(f"The archive {path.name} cannot be read back; no line was removed.")
    with transaction.atomic():
        trail.record(
            actor,
            Verb.AUDIT_ARCHIVED,
            subject_kind="audit",
            subject=path.name,
            last_id=last.pk,
            last_mac=last.signature,
            lines=manifest["count"],
            sha256=manifest["files"][0]["sha256"],
        )
        with triggers_suspended(connection):
            AuditDevice.objects.filter(event_id__lte=last.pk).delete()
            AuditEvent.objects.filter(pk__lte=last.pk)._raw_delete(using=connection.alias)
    return path


def _write(old: QuerySet[AuditEvent], last: AuditEvent) -> tuple[Path, dict[str, Any]]:
    folder = Path(settings.AUDIT_ARCHIVE_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"audit-to-{last.pk}.zip"
    new, count = path.with_suffix(".new"), 0
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as box:
        with box.open(NAME, "w", force_zip64=True) as raw:
            file = manifests.HashingWriter(raw)
            for line in spreadsheets.jsonl_rows(line_of(event) for event in old.iterator(500)):
                file.write(line.encode())
                count += 1
        ends_at = {"last_id": last.pk, "last_mac": last.signature}
        manifest = manifests.make_manifest([(NAME, file.sha256, file.size)], count, **ends_at)
        box.writestr(manifests.NAME, manifests.as_text(manifest))
    new.chmod(0o600)
    new.replace(path)
    return path, manifest
