"""What the commands for scripts have in common: what goes wrong is one line on standard error."""

import argparse
import math
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

REFUSED, INTERRUPTED = 2, 130


class OneLineCommand(BaseCommand):
    """A command whose every failure is one line, with an exit code that says which."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The usual parser, but for the page of usage that it puts before each error."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def refuse(message: str) -> NoReturn:
            if not parser.called_from_command_line:
                raise CommandError(message, returncode=REFUSED)
            parser.exit(REFUSED, f"CommandError: {message} (see --help)\n")

        parser.error = refuse  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it; a database without tables and Ctrl-C are no reason for a traceback."""
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CommandError(
                f"The database cannot be used: {first} (is it there, and migrated?)"
            ) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted; what was stored goes on.", returncode=INTERRUPTED
            ) from None


def seconds(text: str) -> float:
    """A number of seconds from 0; raises the parser's own error for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number
