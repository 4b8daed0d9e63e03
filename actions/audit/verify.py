"""Prove that nobody changed the trail, and that the commands say what the trail says.

The chain is walked once; then the anchors tell of a *cut* end, and each request's commands are
compared with what its lines say of them.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.db import connection

from actions.action_requests.models import ActionRequest
from actions.audit.anchors import read_anchors
from actions.audit.chain_check import walk
from actions.audit.findings import Finding, VerificationReport, archive_boundaries
from actions.audit.reconcile import reconcile_commands
from actions.trail import chain, trail
from actions.trail.guards import missing_triggers
from actions.trail.models import AuditEvent

Progress = Callable[[int, int], None]


def verify(
    anchors: Iterable[Path] = (), progress: Progress = lambda done, total: None
) -> VerificationReport:
    """Check the guards, the chain, the anchors and the commands."""
    report = VerificationReport()
    for name in missing_triggers(connection):
        text = "This trigger, which refuses changes, is missing or switched off."
        report.findings.append(Finding("unprotected", name, text))
    total = trail.head()[0] + ActionRequest.objects.count()
    walk(report, lambda done: progress(done, total))
    for path in anchors:
        _check_anchors(report, path)
    walked = report.records
    reconcile_commands(report, lambda done: progress(walked + done, total))
    progress(total, total)
    return report


def _check_anchors(report: VerificationReport, path: Path) -> None:
    """Each anchor's last line must still be there, as it was."""
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() or 0
    gone_before = max((last for last, _ in archive_boundaries()), default=0)
    for anchor in read_anchors(path):
        report.anchors += 1
        place, signature = anchor["count"], anchor["mac"]
        if not chain.verify_document(settings.AUDIT_KEYS, anchor):
            report.findings.append(Finding("anchor", f"anchor of {anchor['at']}", "Not signed."))
        elif place and not (place < first and place <= gone_before):
            found = AuditEvent.objects.filter(pk=place).values_list("signature", flat=True).first()
            if found != signature:
                what = "is another one" if found else "is gone"
                text = f"The trail had {place} records on {anchor['at']}; the last {what} now."
                report.findings.append(Finding("cut", f"record {place}", text))
                return
        if report.enough:
            return
