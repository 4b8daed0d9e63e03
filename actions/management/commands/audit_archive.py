"""The command audit_archive: move old lines of the trail into a signed archive."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.timezone import now

from actions import long_statements
from actions.audit.query import parse_time
from actions.audit.retention import ArchiveMissing
from actions.errors import Refused
from actions.management.base import OneLineCommand, shell_actor
from actions.retention import run


class Command(OneLineCommand):
    """Archive old lines; the remaining chain can still be verified."""

    help = "Move old lines of the audit trail into a signed zip file, and remove them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --before."""
        parser.add_argument("--before", help="a day as 2026-01-31 (default: AUDIT_KEEP_DAYS ago)")

    @long_statements.allowed()
    def handle(self, *_: Any, **options: Any) -> None:
        """Write the archive, check it, and delete its lines from the database."""
        before = parse_time(options["before"] or "")
        if options["before"] and before is None:
            raise CommandError("Write the day as 2026-01-31.", returncode=2)
        if before is None:
            if settings.AUDIT_KEEP_DAYS <= 0:
                raise CommandError("Give --before, or set AUDIT_KEEP_DAYS.", returncode=2)
            before = now() - timedelta(days=settings.AUDIT_KEEP_DAYS)
        actor = shell_actor()
        try:
            written = run.archive_trail(before, actor)
        except (Refused, ArchiveMissing) as refusal:
            raise CommandError(str(refusal)) from None
        if written is None:
            raise CommandError("Retention is running. Try again when it has ended.")
        names = ", ".join(str(path) for path in written)
        self.stdout.write(f"Archived to {names}." if written else "No line is that old.")
