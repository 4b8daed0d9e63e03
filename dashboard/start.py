"""The start of every process: web, worker, ticker and commands pass the same checks.

Nothing else runs before them, because a process that is set up wrongly can do harm at once: send
the client secret to another host, or show it on an error page.
"""

import os
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import django
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, connection, connections

from dashboard.data_folder import UNFINISHED, close_paths, close_to_others

LIVE_CONNECTIONS = 6
"""Connections beside those of requests: four that render live pages, health, and the log."""


WAIT_SECONDS = 60.0
"""Seconds that a process waits for the database at its start; then it ends with a message."""


def read_settings() -> None:
    """Read the settings; end the process with one line if they have no valid form."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        _ = settings.DEBUG  # The first question reads all of them.
    except ImproperlyConfigured as error:
        _refuse(f"Wrong setting: {error}")
    except OSError as error:
        _refuse(f"A file of the console cannot be used: {error.filename}: {error.strerror}.")


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


def use_pool() -> None:
    """Let this process share its connections to PostgreSQL, and limit their number.

    Only the web needs it, which has many threads. A worker has one connection, and forks: no
    process may inherit a pool.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.postgresql":
        database["CONN_HEALTH_CHECKS"] = True  # After a restart of the server, the old ones fail.
        database["OPTIONS"]["pool"] = {
            "min_size": 0,
            "max_idle": 60,  # Seconds.
            "max_size": settings.WEB_REQUESTS + LIVE_CONNECTIONS,
            "timeout": settings.DATABASE_CONNECT_SECONDS,
        }


def check_schema() -> None:
    """End the process if the database is of a newer version; a command reports other trouble."""
    from dashboard import schema  # noqa: PLC0415  # It needs the settings.

    with suppress(DatabaseError):
        if problem := schema.problem():
            _refuse(problem)


def check_database(*, wait: bool = True) -> None:
    """End the process if this host must not use the database; wait a while for it.

    It is of a newer version, or this host lacks what all hosts must have alike.
    """
    from actions.trail import fingerprints  # noqa: PLC0415  # They need the settings.
    from dashboard import schema  # noqa: PLC0415

    end, said = time.monotonic() + (WAIT_SECONDS if wait else 0), False
    while True:
        try:
            if problem := schema.problem():
                _refuse(problem)
            is_migrated = "actions_fingerprint" in connection.introspection.table_names()
            if is_migrated and (found := fingerprints.problems()):
                _refuse("\n".join(["The console does not start:", *found]))
            break
        except DatabaseError as error:
            text = (str(error).splitlines() or [type(error).__name__])[0]
            if time.monotonic() >= end or not _may_pass(error):
                _refuse(f"The database cannot be used: {text}")
            if not said:
                _say(f"The database does not answer: {text}. This process waits for it.")
            said = True
        finally:
            connections.close_all()
        time.sleep(2)


def _may_pass(error: DatabaseError) -> bool:
    """Return whether the database may be there again later, without anybody's help."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_BUSY if code else isinstance(error, OperationalError)


def _refuse(text: str) -> NoReturn:
    _say(text)
    sys.exit(1)


def _say(text: str) -> None:
    # Celery replaces sys.stderr with a log that drops what is written while it ends.
    (sys.__stderr__ or sys.stderr).write(f"{text}\n")


def _as_text(message: CheckMessage) -> str:
    hint = f" {message.hint}" if message.hint else ""
    return f"{message.msg}{hint} ({message.id})"
