"""What this installation holds: sizes of tables and files, measured once a day, and their growth.

Pages only read what was measured: to measure a SQLite file, every page of it is read.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Model, Sum
from django.utils.timezone import now

from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_STORED
from actions.retention.models import StorageDay

MEASURE_SECONDS = 60.0
"""Seconds after which the measuring of a SQLite file is given up for the day."""

DAYS_KEPT = 800

TABLES_SHOWN = 12
"""Tables that are shown one by one, the largest first; the rest is one row."""

INDEXES = {
    "actions_device_search": "Search index of devices",
    "actions_auditwords": "Search index of the audit trail",
}
"""Search indexes of SQLite, each of several tables whose names begin alike."""
LONGEST_GAP = timedelta(days=8)
"""Time between two measurements after which a day passes before anything is removed."""

Sizes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """One table or folder: rows (None for a folder), bytes, and bytes that it grew by in a day."""

    name: str
    label: str
    rows: int | None
    size: int | None
    growth: dict[int, float] = field(default_factory=dict)

    @property
    def growth_7(self) -> float | None:
        """The growth a day in the last 7 days, None if it was not observed."""
        return self.growth.get(7)

    @property
    def growth_30(self) -> float | None:
        """The growth a day in the last 30 days, None if it was not observed."""
        return self.growth.get(30)


@dataclass(frozen=True, slots=True)
class Storage:
    """The last measurement; `total` is the size of the database, `free` what its file could lose.

    `day` is None before the first measurement.
    """

    day: date | None
    tables: list[Measured]
    files: list[Measured]
    total: Measured
    free: int
    disk_free: int
    disk_total: int


FILES = {
    "agent_logs": "Agent logs",
    "audit_archives": "Archives of the audit trail",
    "audit_exports": "Exports of the audit trail",
}


def note_day() -> None:
    """Measure and store the sizes, once a day."""
    today = now().date()
    if StorageDay.objects.filter(day=today).exists():
        return
    StorageDay.objects.update_or_create(day=today, defaults={"sizes": measure()})
    StorageDay.objects.filter(day__lt=today - timedelta(days=DAYS_KEPT)).delete()


def clock_problem() -> str:
    """Return why the clock is not trusted to say what is old, or an empty text.

    A clock that is set years ahead by mistake would remove all. It shows: days without any
    measurement lie before today. A day later it is taken to be right.
    """
    today = now().date()
    before = StorageDay.objects.filter(day__lt=today).order_by("day").last()
    if before is None or today - before.day <= LONGEST_GAP:
        return ""
    return (
        f"The last measurement before today is of {before.day}. The clock was set, or the console "
        "did not run: nothing is removed until tomorrow. If the clock is wrong, set it now."
    )


def measure() -> Sizes:
    """Return rows and bytes of each table, bytes of each folder, and those of the database."""
    tables = _postgres_tables() if connection.vendor == "postgresql" else _sqlite_tables()
    total, free = _database_size()
    return {"tables": tables, "files": _files(), "total": total, "free": free}


def read() -> Storage:
    """Return the last measurement with the growth of 7 and 30 days, and the free disk now."""
    days = list(StorageDay.objects.order_by("-day")[:32])
    last = days[0] if days else None
    sizes: Sizes = last.sizes if last else {"tables": {}, "files": {}, "total": None, "free": 0}
    earlier = {span: _day_before(days, span) for span in (7, 30)}
    labels = {model._meta.db_table: _label(model) for model in apps.get_models(True)} | INDEXES
    tables = [
        Measured(name, labels.get(name, name), rows, size, _growth(last, earlier, "tables", name))
        for name, (rows, size) in sizes["tables"].items()
    ]
    tables.sort(key=lambda each: (-(each.size or 0), -(each.rows or 0), each.name))
    files = [
        Measured(name, label, None, sizes["files"].get(name), _growth(last, earlier, "files", name))
        for name, label in FILES.items()
    ]
    disk = shutil.disk_usage(settings.DATA_DIR)
    return Storage(
        day=last.day if last else None,
        tables=_with_rest(tables),
        files=files,
        total=Measured("", "Database", None, sizes["total"], _growth(last, earlier, "total", "")),
        free=sizes["free"],
        disk_free=disk.free,
        disk_total=disk.total,
    )


def _with_rest(tables: list[Measured]) -> list[Measured]:
    """Return the largest tables, and one row for all others together."""
    shown, rest = tables[:TABLES_SHOWN], tables[TABLES_SHOWN:]
    if not rest:
        return shown
    growth: dict[int, float] = {}
    for each in rest:
        for span, grown in each.growth.items():
            growth[span] = growth.get(span, 0) + grown
    size = sum(each.size or 0 for each in rest)
    return [*shown, Measured("", f"{len(rest)} smaller tables", None, size, growth)]


def _label(model: type[Model]) -> str:
    return str(model._meta.verbose_name).capitalize()


def _day_before(days: list[StorageDay], span: int) -> StorageDay | None:
    """Return the oldest measurement of the last `span` days, before the last one."""
    recent = [each for each in days[1:] if days[0].day - each.day <= timedelta(days=span)]
    return recent[-1] if recent else None


def _growth(
    last: StorageDay | None, earlier: dict[int, StorageDay | None], kind: str, name: str
) -> dict[int, float]:
    """Return the bytes a day by the number of days, for those of which there is a measurement."""
    found: dict[int, float] = {}
    for span, day in earlier.items():
        if last is None or day is None:
            continue
        sizes = [_size(each.sizes, kind, name) for each in (last, day)]
        if sizes[0] is not None and sizes[1] is not None:
            found[span] = (sizes[0] - sizes[1]) / (last.day - day.day).days
    return found


def _size(sizes: Sizes, kind: str, name: str) -> int | None:
    found = sizes.get(kind)
    if kind == "total":
        return found
    value = (found or {}).get(name)
    return value[1] if isinstance(value, list | tuple) else value


def _files() -> dict[str, int]:
    logs = AgentLog.objects.filter(keep_until__isnull=False, status__in=LOG_STORED)
    return {
        "agent_logs": logs.aggregate(bytes=Sum("size"))["bytes"] or 0,
        "audit_archives": _folder_size(Path(settings.AUDIT_ARCHIVE_DIR)),
        "audit_exports": _folder_size(Path(settings.AUDIT_EXPORT_DIR)),
    }


def _folder_size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # It was deleted meanwhile.
    return total


def _database_size() -> tuple[int, int]:
    """Return the bytes of the database, and how many of them SQLite holds unused."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return cursor.fetchone()[0], 0
        cursor.execute(
            "SELECT c.page_count * s.page_size, f.freelist_count * s.page_size FROM "
            "pragma_page_count AS c, pragma_page_size AS s, pragma_freelist_count AS f"
        )
        total, free = cursor.fetchone()
        return int(total), int(free)


def _postgres_tables() -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, GREATEST(reltuples, 0)::bigint, pg_total_relation_size(oid) "
            "FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
        return {name: (rows, size) for name, rows, size in cursor.fetchall()}


def _sqlite_tables() -> dict[str, tuple[int | None, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, tbl_name, type FROM sqlite_master WHERE type <> 'trigger'")
        owner = {name: _index_of(table) for name, table, _ in cursor.fetchall()}
        names = connection.introspection.table_names(cursor)
        tables = [name for name in names if _index_of(name) == name]
    found: dict[str, tuple[int | None, int | None]] = dict.fromkeys(tables, (None, None))
    with _time_limit(), connection.cursor() as cursor:
        for name in tables:
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608
            found[name] = cursor.fetchone()[0], None
        cursor.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")
        sizes: dict[str, int] = {}
        for name, size in cursor.fetchall():
            table = owner.get(name, name)
            sizes[table] = sizes.get(table, 0) + size
        for name, (rows, _) in found.items():
            found[name] = rows, sizes.get(name)
    return found


def _index_of(table: str) -> str:
    """Return the search index that a table is a part of, or the table itself."""
    return next((name for name in INDEXES if table.startswith(f"{name}_")), table)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Give up SQLite's statements after MEASURE_SECONDS, or where dbstat was not compiled in."""
    connection.ensure_connection()
    own: sqlite3.Connection = connection.connection
    ends_at = time.monotonic() + MEASURE_SECONDS
    own.set_progress_handler(lambda: time.monotonic() > ends_at, 10_000)
    try:
        yield
    except OperationalError:
        return
    finally:
        own.set_progress_handler(None, 0)
