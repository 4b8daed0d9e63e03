"""The schema of the database and this version of the console: is it newer, and what is missing.

Before the tables of a SQLite file are changed, the file is copied, so that there is a way back.
"""

import shutil
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from dashboard.backups import dumps
from dashboard.backups.archive import BackupError

COPIES = 3
"""Copies that are kept."""

SPARE_BYTES = 100 * 2**20
"""Bytes that must stay free beside a copy."""

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'console' AND pid <> pg_backend_pid()"
)


class SchemaError(Exception):
    """The tables must not be used or changed now; the text says why, and what to do."""


def problem() -> str:
    """Return why this version must not use the database: its schema is newer; or an empty text."""
    newer = sorted(_applied() - _known())
    if not newer:
        return ""
    named = ", ".join(f"{app} {name}" for app, name in newer[:3])
    more = f" and {len(newer) - 3} more" if len(newer) > 3 else ""
    return (
        f"The database is of a newer version of the console: it has {named}{more}. "
        "Start that version, or restore the backup that was made before the upgrade."
    )


def prepare_to_migrate() -> str:
    """Make the way back before tables are changed; return what to tell, or an empty text.

    Raises SchemaError if there is no room for the copy, or other processes use the tables.
    """
    applied, missing = _applied(), _known() - _applied()
    if not applied or not missing:
        return ""
    if connection.vendor == "sqlite":
        return f"The database was copied before it is upgraded: {_copy(applied)}"
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        others = int(cursor.fetchone()[0])
    if others:
        raise SchemaError(
            f"The tables must be upgraded, and other processes of the console use them ({others} "
            "connections). Stop them on all hosts, make a backup (manage.py backup), start again."
        )
    return (
        f"The tables are upgraded now ({len(missing)} migrations). The way back is the latest "
        "backup: PostgreSQL is not copied."
    )


def _copy(applied: set[tuple[str, str]]) -> Path:
    source = Path(settings.DATABASES["default"]["NAME"])
    folder = Path(settings.DATA_DIR) / "before-upgrade"
    folder.mkdir(mode=0o700, exist_ok=True)
    _check_room(source, folder)
    latest = max((name for app, name in applied if app == "actions"), default="empty")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = folder / f"{source.stem}-{stamp}-{latest}.sqlite3"
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        dumps.dump(draft)
        draft.replace(path)
    except BackupError as error:
        raise SchemaError(str(error)) from None
    finally:
        draft.unlink(missing_ok=True)
    for old in sorted(folder.glob(f"{source.stem}-*.sqlite3"))[:-COPIES]:
        old.unlink()
    return path


def _check_room(source: Path, folder: Path) -> None:
    wal = Path(f"{source}-wal")
    needed = source.stat().st_size + (wal.stat().st_size if wal.exists() else 0) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SchemaError(
            f"The database is copied before it is upgraded, and there is no room for it in {folder}"
            f": {needed // 2**20} MB are needed, {free // 2**20} MB are free."
        )


def _applied() -> set[tuple[str, str]]:
    return {
        key for key in MigrationRecorder(connection).applied_migrations() if key[0] in _labels()
    }


def _labels() -> dict[str, str]:
    """Return the package of the migrations of each app, by the app's label."""
    found = {config.label: f"{config.name}.migrations" for config in apps.get_app_configs()}
    return {label: name for label, name in found.items() if find_spec(name)}


def _known() -> set[tuple[str, str]]:
    """Return the migrations of the code: the names of the files, without running them."""
    return {
        (label, module.name)
        for label, name in _labels().items()
        for module in iter_modules(import_module(name).__path__)
        if not module.name.startswith(("_", "~"))
    }
