"""Verify that the trail was not changed, and that the engine's rows match it.

The check walks the chain once. The mark of its end and the anchors then show whether its end was
*cut*, and each request's commands are reconciled with its lines.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from django.db import connection

from actions.action_requests.models import ActionRequest
from actions.audit import anchor_check
from actions.audit.chain_check import index_problem, verify_chain
from actions.audit.findings import Finding, VerificationReport
from actions.audit.reconcile import reconcile_commands
from actions.trail import head, key_marks
from actions.trail.guards import missing_triggers

Progress = Callable[[int, int], None]


def verify(
    copies: Iterable[Path] = (), progress: Progress = lambda done, total: None
) -> VerificationReport:
    """Check the triggers, keys, chain, anchors and commands; `copies` are kept files of anchors."""
    report = VerificationReport()
    for name in missing_triggers(connection):
        text = "This trigger, which refuses changes, is missing or disabled."
        report.findings.append(Finding("unprotected", name, text))
    lost_keys = key_marks.lost_keys()
    for key_id in lost_keys:
        text = "This host does not have this key; the records signed with it cannot be checked."
        report.findings.append(Finding("key", key_id, text))
    total = head.head()[0] + ActionRequest.objects.count()
    verify_chain(report, lambda done: progress(done, total))
    if problem := index_problem():
        report.findings.append(Finding("altered", f"record {problem[0]}", problem[1]))
    if problem := head.head_problem(lost_keys):
        report.findings.append(Finding("cut", f"record {problem[0]}", problem[1]))
    anchor_check.check_own(report, lost_keys)
    for path in copies:
        anchor_check.check_copy(report, path, lost_keys)
    lines = report.records
    reconcile_commands(report, lambda done: progress(lines + done, total))
    progress(total, total)
    return report
