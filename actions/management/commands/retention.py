"""The command retention: remove now what is older than its days, until nothing is left."""

from typing import Any

from django.core.management.base import CommandError

from actions.management.base import OneLineCommand
from actions.retention import outlook, run


class Command(OneLineCommand):
    """Run retention once, without the time limit of the periodic task."""

    help = "Remove what is older than its days. The console may run meanwhile."

    def handle(self, *_: Any, **__: Any) -> None:
        """Run to the end, and print what was removed."""
        if not run.run(float("inf")):
            raise CommandError("Retention is running already. Try again when it has ended.")
        if problem := outlook.last_run().problem:
            raise CommandError(problem)
        self.stdout.write("Nothing is left that is older than its days. See the page Storage.")
