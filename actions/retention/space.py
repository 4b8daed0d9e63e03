"""Give the space of removed rows back to the file system, on SQLite.

PostgreSQL's autovacuum keeps it for new rows. SQLite does as well, and returns it page by page
where the file was made with auto_vacuum=INCREMENTAL: new ones are, older ones after `compact`.
"""

import time

from django.db import connection

from actions.audit.retention import rest
from actions.retention.pieces import Run

RESERVE_PAGES = 5_000
"""Free pages that stay in the file for new rows: 20 MB."""

PIECE_PAGES = 1_000
"""Pages that one transaction returns."""

INCREMENTAL = 2


def give_back(run: Run) -> int:
    """Return free pages in short transactions; return how many were given back."""
    if connection.vendor != "sqlite" or _pragma("auto_vacuum") != INCREMENTAL:
        return 0
    before = _pragma("freelist_count")
    while _pragma("freelist_count") > RESERVE_PAGES + PIECE_PAGES and run.go_on():
        began = time.monotonic()
        # `execute` would step once, which returns one page; a script is stepped to its end.
        connection.connection.executescript(f"PRAGMA incremental_vacuum({PIECE_PAGES})")
        rest(time.monotonic() - began)
    return before - _pragma("freelist_count")


def _pragma(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])


def compact() -> tuple[int, int]:
    """Rewrite the SQLite file without free pages; return its bytes before and after.

    It locks the file for the whole time and needs as much free disk as the file is large.
    """
    before = _pragma("page_count") * _pragma("page_size")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, _pragma("page_count") * _pragma("page_size")
