"""The command audit_accept: accept what a check found, with a reason in the trail."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from actions import long_statements
from actions.audit.accept import accept
from actions.management.base import REFUSED, OneLineCommand, shell_actor


class Command(OneLineCommand):
    """For a lost key, a lost file of anchors or a restored database."""

    help = (
        "Record the findings of a check as accepted, and continue the audit trail with the keys of "
        "this host. Records that were altered or cannot be checked stay findings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the reason."""
        parser.add_argument("--reason", required=True, help="why; the audit trail keeps it")

    @long_statements.allowed()
    def handle(self, *_: Any, **options: Any) -> None:
        """Accept the findings and print the record that says so."""
        if not options["reason"].strip():
            raise CommandError("Give a reason.", returncode=REFUSED)
        event = accept(shell_actor(), options["reason"].strip())
        self.stdout.write(
            f"Record {event.pk} accepts {event.data['found_count']} findings. "
            "Run manage.py audit_verify to see what remains."
        )
