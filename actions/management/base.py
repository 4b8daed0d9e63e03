"""Base class of the commands for scripts, and the person who runs a command."""

import argparse
import math
import os
import pwd
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from actions.actor import Actor
from actions.errors import UnknownKeyError
from actions.roles import Role

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
        except UnknownKeyError as error:
            raise CommandError(str(error)) from None
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


class ConsoleUser(Protocol):
    """What a command needs of a user of the console, whose table belongs to the dashboard."""

    pk: int
    username: str
    known_role: Role


def shell_actor(person: "ConsoleUser | None" = None) -> Actor:
    """Return the user of the operating system as the actor, at this host and terminal.

    `person` is the user of the console in whose name and with whose role the command acts. The
    environment (LOGNAME, USER) is not read; SUDO_UID is, because only root can act by sudo.
    """
    uid, how = os.getuid(), ""
    if uid == 0 and os.environ.get("SUDO_UID", "").isdecimal():
        uid, how = int(os.environ["SUDO_UID"]), " by sudo"
    return Actor(
        name=_name_of(uid),
        role=person.known_role if person else Role.OPERATOR,
        source="command",
        user_id=person.pk if person else None,
        on_behalf_of=person.username if person else "",
        host=socket.gethostname(),
        terminal=_terminal() + how,
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"uid {uid}"


def _terminal() -> str:
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with suppress(AttributeError, OSError, ValueError):
            return os.ttyname(stream.fileno())  # type: ignore[union-attr]  # None without a stream.
    return "no terminal"
