"""Base class of the commands for scripts: each failure is one line on standard error."""

import argparse
import math
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

REFUSED, INTERRUPTED = 2, 130


class OneLineCommand(BaseCommand):
    """A command that reports each failure in one line, with an exit code for its kind."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the usual parser, without the usage text before each error."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def refuse(message: str) -> NoReturn:
            if not parser.called_from_command_line:
                raise CommandError(message, returncode=REFUSED)
            parser.exit(REFUSED, f"CommandError: {message} (see --help)\n")

        parser.error = refuse  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; report a database error or Ctrl-C in one line."""
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CommandError(
                f"The database cannot be used: {first} (is it there, and migrated?)"
            ) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. The stored request is still sent.", returncode=INTERRUPTED
            ) from None


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more; raises argparse.ArgumentTypeError otherwise."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number
