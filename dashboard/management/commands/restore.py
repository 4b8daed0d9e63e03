"""Restore a backup; sending is frozen until a person has seen what is in doubt."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from actions.dispatch import claims
from dashboard import backups
from dashboard.standalone.run_lock import RunLock


class Command(BaseCommand):
    """Puts a backup in place of the database, and freezes sending."""

    help = "Restore a backup. Stop the console on all hosts first. Sending is frozen afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and --dry-run."""
        parser.add_argument("file", type=Path, help="the archive that `backup` wrote")
        parser.add_argument("--dry-run", action="store_true", help="only compare all checksums")

    def handle(self, *_: Any, **options: Any) -> None:
        """Restore it, migrate the database, and freeze sending."""
        try:
            if options["dry_run"]:
                found = backups.check(options["file"])
                self.stdout.write(
                    f"Whole: made at {found.made_at}, {len(found.files)} files, "
                    f"{found.bytes:,} bytes. Nothing was changed."
                )
                return
            if RunLock(settings.DATA_DIR).is_held():
                raise CommandError("The console is running. Stop it first: manage.py down")
            found = backups.restore(options["file"])
        except backups.BackupError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The backup cannot be restored: {error.strerror}.") from None
        call_command("migrate", verbosity=0)
        in_doubt = claims.freeze_restored(f"A backup of {found.made_at} was restored.")
        self.stdout.write(
            f"Restored. Sending is frozen; {in_doubt} commands may have been sent since the "
            "backup and are unconfirmed. See them on the page Vendor calls, and resume there."
        )
