"""Back up the database and the files of the data folder, while the console runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from dashboard.backups.archive import BackupError
from dashboard.backups.make import make


class Command(BaseCommand):
    """Writes one archive."""

    help = "Write a backup of the database and of DATA_DIR to one file, while the console runs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file."""
        parser.add_argument("file", type=Path, help="the archive to write; it must not exist")

    def handle(self, *_: Any, **options: Any) -> None:
        """Write it, and tell what it holds."""
        try:
            found = make(options["file"].resolve())
        except BackupError as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}".strip()) from None
        except OSError as error:
            raise CommandError(f"The backup cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{options['file']}: {len(found.files)} files, {found.bytes:,} bytes.")
