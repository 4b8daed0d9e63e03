"""The command compact: rewrite the SQLite file without the space of removed rows."""

import shutil
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection
from django.utils.timezone import now

from actions.dispatch import heartbeats
from actions.dispatch.models import DispatcherHeartbeat
from actions.management.base import OneLineCommand
from actions.retention import space

SEEN_SECONDS = 30.0


class Command(OneLineCommand):
    """Compact the file once; from then on retention returns space by itself."""

    help = "Rewrite the SQLite file without free space. Stop the console before."

    def handle(self, *_: Any, **__: Any) -> None:
        """Check that nothing runs and that the disk has room, then rewrite the file."""
        if connection.vendor != "sqlite":
            raise CommandError(
                "PostgreSQL keeps the space of removed rows for new ones (autovacuum). To return "
                "it to the disk, stop the console and run VACUUM FULL as the owner of the tables."
            )
        parts = (DispatcherHeartbeat.WORKER, DispatcherHeartbeat.TICKER)
        if any(heartbeats.recent(now(), SEEN_SECONDS, part).exists() for part in parts):
            raise CommandError(
                f"A worker or ticker was active in the last {SEEN_SECONDS:.0f} s. "
                "Stop the console first: nothing can be written meanwhile."
            )
        path = Path(connection.settings_dict["NAME"])
        size = path.stat().st_size
        if shutil.disk_usage(path.parent).free < 2 * size:
            raise CommandError(f"It needs {2 * size // 2**20:,} MB of free disk for a while.")
        before, after = space.compact()
        self.stdout.write(f"{before // 2**20:,} MB before, {after // 2**20:,} MB now.")
