"""The start of every process: web, worker, ticker and commands pass the same checks.

Nothing else runs before them, because a process that is set up wrongly can do harm at once: send
the client secret to another host, or show it on an error page.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

import django
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured

from dashboard.data_folder import UNFINISHED, close_paths, close_to_others


def read_settings() -> None:
    """Read the settings; end the process with one line if they have no valid form."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        _ = settings.DEBUG  # The first question reads all of them.
    except ImproperlyConfigured as error:
        _refuse(f"Wrong setting: {error}")


def check_start(*, show_warnings: bool = False, may_be_unfinished: bool = False) -> None:
    """End the process with a message unless all checks pass.

    Commands show the warnings by themselves, and `up` leaves them to the web process. Only a few
    commands may run while a restore is unfinished.
    """
    read_settings()
    unfinished = settings.DATA_DIR / UNFINISHED
    if unfinished.exists() and not may_be_unfinished:
        _refuse(unfinished.read_text(encoding="utf-8", errors="replace").strip())
    django.setup()
    if closed := close_to_others(settings.DATA_DIR):
        names = ", ".join(sorted(str(path.relative_to(settings.DATA_DIR)) for path in closed))
        _say(f"Closed to other users of this machine, in {settings.DATA_DIR}: {names}")
    if closed := close_paths(_database_files()):
        names = ", ".join(map(str, closed))
        _say(f"Closed to other users of this machine: {names}")
    found = run_checks(include_deployment_checks=settings.PUBLIC)
    problems = [message for message in found if not message.is_silenced()]
    if errors := [message for message in problems if message.is_serious()]:
        _refuse("\n".join(["The console does not start:", *map(_as_text, errors)]))
    if show_warnings:
        for message in problems:
            _say(f"Warning: {_as_text(message)}")


def _database_files() -> list[Path]:
    """Return the files of SQLite, which may lie outside of the data folder."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [Path(f"{database['NAME']}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]


def _refuse(text: str) -> NoReturn:
    _say(text)
    sys.exit(1)


def _say(text: str) -> None:
    # Celery replaces sys.stderr with a log that drops what is written while it ends.
    (sys.__stderr__ or sys.stderr).write(f"{text}\n")


def _as_text(message: CheckMessage) -> str:
    hint = f" {message.hint}" if message.hint else ""
    return f"{message.msg}{hint} ({message.id})"
