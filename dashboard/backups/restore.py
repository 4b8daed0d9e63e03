"""Restores a backup: whole, or not at all."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from actions.dispatch import claims
from actions.errors import UnknownKeyError
from dashboard.backups import dumps
from dashboard.backups.archive import BackupError, Found, check, digest, dump_name, extract
from dashboard.data_folder import UNFINISHED

IDENTITY = "audit_keys"
"""The file that must be the same where a backup is restored; `secret_key` may have been rotated."""

KEYS = ("secret_key", IDENTITY)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the archive, the commands in doubt, and where the former database is."""

    found: Found
    in_doubt: int
    former: str


def check_here(path: Path) -> Found:
    """Check a backup and whether it can be restored here; raises BackupError. Changes nothing."""
    found = check(path)
    if found.vendor != connection.vendor:
        raise BackupError(f"It is of {found.vendor}, and DATABASE_URL names {connection.vendor}.")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(found.migrations) - known):
        raise BackupError(
            f"It was made by a newer version of the console, which knows {unknown[-1]}. Install "
            "that version first."
        )
    dumps.check_programs()
    if IDENTITY in _other_keys(found) and not _is_unused():
        names = " ".join(_other_keys(found))
        raise BackupError(
            f"The keys in DATA_DIR differ from those in the backup ({names}): it is of another "
            "installation. To restore it here all the same, take its keys first: "
            f"tar -xf {path} -C {settings.DATA_DIR} {names}"
        )
    return found


def take_keys(path: Path, found: Found) -> bool:
    """Take the keys of the backup if those here have signed nothing; return whether any was taken.

    The process must start again then, because it has read the others.
    """
    names = _other_keys(found)
    if not names or not _is_unused():
        return False
    for name in names:
        extract(path, name, Path(settings.DATA_DIR) / name)
    return True


def restore(path: Path, found: Found) -> Restored:
    """Put a backup in place of the database, add the files that are missing, and freeze sending.

    Raises BackupError; the former database is in its place then.
    """
    folder = Path(settings.DATA_DIR)
    for left in dumps.folder().glob(".restore-*"):  # Of a restore that was killed.
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=dumps.folder(), prefix=".restore-") as place:
        dump = Path(place) / dump_name(found.vendor)
        extract(path, dump.name, dump)
        dumps.check(dump)
        for name in found.files.keys() - {dump.name}:
            if not (folder / name).exists():
                extract(path, name, folder / name)
        mark = _mark(path)
        try:
            former, put_back = dumps.load(dump)
        except DatabaseError:
            raise  # The former database could not be put back: the mark says what to do.
        except BaseException:
            mark.unlink()
            raise
        try:
            call_command("migrate", verbosity=0)
            in_doubt = claims.freeze_restored(f"A backup of {found.made} was restored.")
        except BaseException as error:
            put_back()
            mark.unlink()
            if isinstance(error, UnknownKeyError):
                raise BackupError(str(error)) from None
            raise
        connection.close()
        mark.unlink()
    return Restored(found, in_doubt, former)


def _mark(path: Path) -> Path:
    """Write the file from which the next start knows that a restore was killed."""
    mark = Path(settings.DATA_DIR) / UNFINISHED
    mark.write_text(
        f"The restore of {path} was interrupted. Run it again: manage.py restore {path}\n",
        encoding="utf-8",
    )
    return mark


def _other_keys(found: Found) -> list[str]:
    """Return the names of the key files that differ from those in the backup."""
    names = []
    for name in KEYS:
        present = Path(settings.DATA_DIR) / name
        if name in found.files and present.exists():
            with present.open("rb") as file:
                if digest(file) != found.files[name]:
                    names.append(name)
    return names


def _is_unused() -> bool:
    """Return whether the present database has no line of the audit trail; a damaged one had."""
    try:
        if "actions_auditevent" not in connection.introspection.table_names():
            return True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM actions_auditevent LIMIT 1")
            return cursor.fetchone() is None
    except DatabaseError:
        return False
