"""Send what is due without Celery."""

import signal
from typing import Any

from django.core.management.base import CommandParser

from actions.dispatch import dispatcher, shutdown, sweeper
from actions.management.base import OneLineCommand, seconds


class Command(OneLineCommand):
    """Runs the dispatcher of a worker once, in this process."""

    help = "Send what is due, for so many seconds, without Celery."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --seconds."""
        parser.add_argument("--seconds", type=seconds, default=30.0, help="how long (30)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Settle expired calls, then send what is due."""
        sweeper.sweep()
        with shutdown.noting(signal.SIGTERM, signal.SIGINT) as leave:
            calls = dispatcher.dispatch(options["seconds"], alone=True, leave=leave)
        self.stdout.write(f"{calls} call{'' if calls == 1 else 's'} made")
