"""Restore a backup; sending is frozen until a person has seen what is in doubt."""

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from dashboard.backups.archive import BackupError, check
from dashboard.backups.restore import check_here, restore, take_keys
from dashboard.standalone.run_lock import RunLock, RunningError


class Command(BaseCommand):
    """Puts a backup in place of the database, and freezes sending."""

    help = "Restore a backup. Stop the console on all hosts first. Sending is frozen afterwards."
    requires_system_checks = ()  # They may fail before the backup is restored.

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and --dry-run."""
        parser.add_argument("file", type=Path, help="the archive that `backup` wrote")
        parser.add_argument("--dry-run", action="store_true", help="check it, and change nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        """Check it or restore it, and tell what was done."""
        path = options["file"].resolve()
        try:
            if options["dry_run"]:
                self._check(path)
            else:
                with RunLock(settings.DATA_DIR).held():
                    self._restore(path)
        except RunningError:
            raise CommandError("The console is running. Stop it first: manage.py down") from None
        except BackupError as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}".strip()) from None
        except OSError as error:
            raise CommandError(f"The backup cannot be restored: {error.strerror}.") from None

    def _check(self, path: Path) -> None:
        found = check(path)
        self.stdout.write(
            f"Whole: made at {found.made}, {len(found.files)} files, {found.bytes:,} bytes."
        )
        check_here(path)
        self.stdout.write("It can be restored here. Nothing was changed.")

    def _restore(self, path: Path) -> None:
        found = check_here(path)
        if take_keys(path, found):
            # The settings of this process hold the keys that were there before.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
        done = restore(path, found)
        self.stdout.write(
            f"Restored. The former database is kept: {done.former}. Sending is frozen; "
            f"{done.in_doubt} commands may have been sent since the backup and are unconfirmed. "
            "See them on the page Vendor calls, and resume there."
        )
