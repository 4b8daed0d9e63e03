"""The command audit_verify: verify that the trail was not changed."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from actions import long_statements
from actions.audit import findings, manifests, verify
from actions.management.base import OneLineCommand

PROGRESS_SECONDS = 2.0
"""Time between two lines of progress."""


class Command(OneLineCommand):
    """Verify the whole chain with its anchors and commands, or one export."""

    help = (
        "Check the whole audit trail, or an export by its manifest. Exit codes: 0 unchanged, "
        "1 changed (each finding is named), 2 a file does not exist."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to check and the form of the output."""
        parser.add_argument("--manifest", help="an export (zip) or its manifest, checked alone")
        parser.add_argument("--anchors", help="a file with anchors, such as a kept log")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    @long_statements.allowed()
    def handle(self, *_: Any, **options: Any) -> None:
        """Check, print progress and findings, and fail if there are findings."""
        self._printed_at = 0.0
        if options["manifest"]:
            report = manifests.check_manifest(_path(options["manifest"]))
        else:
            files = [_path(options["anchors"])] if options["anchors"] else []
            report = verify.verify(files, self._quiet if options["json"] else self._progress)
        if options["json"]:
            self.stdout.write(findings.as_json(report))
        else:
            self._print(report)
        if report.findings:
            raise CommandError(f"{len(report.findings)} findings: {report.findings[0]}")

    def _print(self, report: findings.VerificationReport) -> None:
        for finding in report.findings:
            self.stdout.write(str(finding))
        if not report.findings:
            self.stdout.write(
                f"Unchanged: {report.records:,} records, {report.requests:,} requests, "
                f"{report.anchors:,} anchors. The head is {report.head}."
            )

    def _progress(self, done: int, total: int) -> None:
        if time.monotonic() - self._printed_at > PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            self.stdout.write(f"{done:,} of {total:,} …")
            self.stdout.flush()

    def _quiet(self, done: int, total: int) -> None:
        """Print no progress, because a program reads the output."""


def _path(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise CommandError(f"There is no file {text}.", returncode=2)
    return path
