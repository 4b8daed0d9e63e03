"""Tell whether the console runs, and its parts."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from dashboard.standalone.run_lock import RunLock

NOT_RUNNING = 3
"""Exit code, as the Linux Standard Base defines it for `status`."""


class Command(BaseCommand):
    """Prints the processes of `up`."""

    help = "Tell whether the console runs, and its processes (exit code 3 if it does not)."

    def handle(self, *_: Any, **__: Any) -> None:
        """Print one line for `up` and one for each part."""
        lock = RunLock(settings.DATA_DIR)
        if not lock.is_held():
            self.stdout.write("The console is not running.")
            sys.exit(NOT_RUNNING)
        told = lock.told()
        self.stdout.write(
            f"The console runs as process {told.get('pid')}, port {told.get('port')}."
        )
        for part in told.get("parts", []):
            restarts = f", started again {part['restarts']} times" if part["restarts"] else ""
            state = f"process {part['pid']} since {part['started_at']}" if part["pid"] else "ended"
            self.stdout.write(f"  {part['name']:<8} {state}{restarts}")
