"""Send what is due without Celery."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from actions.services import dispatch, recovery


class Command(BaseCommand):
    """The worker's own loop, run once in this process."""

    help = "Send what is due, for so many seconds, without Celery."

    def add_arguments(self, parser: CommandParser) -> None:
        """How long to go on."""
        parser.add_argument("--seconds", type=float, default=30.0, help="how long (30)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Settle what was left behind, then send."""
        recovery.sweep()
        calls = dispatch.pump(options["seconds"], alone=True)
        self.stdout.write(f"{calls} calls made")
