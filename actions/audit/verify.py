"""Verify that the trail was not changed, and that the engine's rows match it.

The check walks the chain once. Anchors then show whether its end was *cut*, and each request's
commands are reconciled with its lines.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.db import connection

from actions.action_requests.models import ActionRequest
from actions.audit.anchors import read_anchors
from actions.audit.chain_check import verify_chain
from actions.audit.findings import Finding, VerificationReport, archive_boundaries
from actions.audit.reconcile import reconcile_commands
from actions.trail import chain, trail
from actions.trail.guards import missing_triggers
from actions.trail.models import AuditEvent

Progress = Callable[[int, int], None]


def verify(
    anchors: Iterable[Path] = (), progress: Progress = lambda done, total: None
) -> VerificationReport:
    """Check the triggers, the chain, the anchors in these files, and the commands."""
    report = VerificationReport()
    for name in missing_triggers(connection):
        text = "This trigger, which refuses changes, is missing or disabled."
        report.findings.append(Finding("unprotected", name, text))
    total = trail.head()[0] + ActionRequest.objects.count()
    verify_chain(report, lambda done: progress(done, total))
    for path in anchors:
        _check_anchors(report, path)
    lines = report.records
    reconcile_commands(report, lambda done: progress(lines + done, total))
    progress(total, total)
    return report


def _check_anchors(report: VerificationReport, path: Path) -> None:
    """Check that the last line at the time of each anchor still exists unchanged."""
    first = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).first() or 0
    archived_to = max((last for last, _ in archive_boundaries()), default=0)
    for anchor in read_anchors(path):
        report.anchors += 1
        count, signature = anchor["count"], anchor["mac"]
        if not chain.verify_document(settings.AUDIT_KEYS, anchor):
            report.findings.append(Finding("anchor", f"anchor of {anchor['at']}", "Not signed."))
        elif count and not (count < first and count <= archived_to):
            found = AuditEvent.objects.filter(pk=count).values_list("signature", flat=True).first()
            if found != signature:
                change = "was replaced" if found else "is missing"
                text = (
                    f"The trail had {count} records on {anchor['at']}; the last of them {change}."
                )
                report.findings.append(Finding("cut", f"record {count}", text))
                return
        if report.is_full:
            return
