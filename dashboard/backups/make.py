"""Makes a backup while the console runs."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from dashboard.backups import dumps
from dashboard.backups.archive import (
    ANCHORS,
    FOLDERS,
    NAMES,
    BackupError,
    Found,
    dump_name,
    sync,
    write,
)


def make(path: Path) -> Found:
    """Write a backup to this file, whole or not at all; raises BackupError or OSError.

    The database is copied first, so that the files that it names are all there when they are read.
    """
    if path.exists():
        raise BackupError(f"{path} exists already.")
    dumps.check_programs()
    migrations = [
        f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
    ]
    if not migrations:
        raise BackupError("The database has no tables. Check DATABASE_URL and DATA_DIR.")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        draft, dump = Path(folder) / "archive", Path(folder) / dump_name(connection.vendor)
        dumps.dump(dump)
        found = write(
            draft,
            Found(at, connection.vendor, tuple(sorted(migrations)), {}),
            [(dump.name, dump), *_files()],
        )
        draft.replace(path)
    sync(path.parent)
    return found


def _files() -> Iterator[tuple[str, Path]]:
    folder = Path(settings.DATA_DIR)
    patterns = (*NAMES, *ANCHORS, *(f"{name}/**/*" for name in FOLDERS))
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder)), path
