"""Start the background tasks at fixed intervals, until the process is told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from actions.ticker import Ticker


class Command(BaseCommand):
    """Runs the ticker until SIGINT or SIGTERM."""

    help = "Start the background tasks at fixed intervals; one for each installation or more."

    def handle(self, *_: Any, **__: Any) -> None:
        """Run until SIGINT or SIGTERM."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        Ticker(leave=stop.is_set).run()
