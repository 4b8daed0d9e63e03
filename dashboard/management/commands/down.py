"""Stop the console that `manage.py up` runs."""

import os
import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dashboard.standalone.run_lock import RunLock


class Command(BaseCommand):
    """Sends SIGTERM to `up` and waits until it has ended."""

    help = "Stop the console that `up` runs, and wait until it has ended."

    def handle(self, *_: Any, **__: Any) -> None:
        """Stop it; a call under way is finished first."""
        lock = RunLock(settings.DATA_DIR)
        if not lock.is_held():
            self.stdout.write("The console is not running.")
            return
        pid = lock.pid()
        if not pid:
            raise CommandError("It is just starting. Try again in a moment.")
        os.kill(pid, signal.SIGTERM)
        longest = 2 * settings.STOP_SECONDS + 10
        end = time.monotonic() + longest
        while lock.is_held():
            if time.monotonic() > end:
                raise CommandError(f"Process {pid} still runs after {longest:.0f} s.")
            time.sleep(0.1)
        self.stdout.write("The console has stopped.")
