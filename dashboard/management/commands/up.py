"""Start all processes of the console with one command."""

import http.client
import json
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from actions.actor import Actor
from actions.inventory.selectors import latest_sync
from actions.inventory.sync import start_sync
from actions.roles import Role
from dashboard import schema
from dashboard.health import redis_problem
from dashboard.models import User
from dashboard.standalone.demo_users import demo_people
from dashboard.standalone.redis_server import redis_command
from dashboard.standalone.run_lock import RunLock, RunningError
from dashboard.standalone.supervisor import Part, Supervisor
from dashboard.start import check_database

log = logging.getLogger(__name__)

HOST = "127.0.0.1"

NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
"""Value of PYTHONWARNINGS: silences Celery's warning, because a container runs this as root."""

INTERRUPTED = 130
"""Exit code after SIGINT during the start."""

PORT_SECONDS = 5.0
"""Seconds to wait for a port that is in use."""


class Command(BaseCommand):
    """Runs Redis, simulator, worker, ticker and web until Ctrl-C or `down` stops them."""

    help = "Start everything: Redis (unless REDIS_URL is set), worker, ticker and web."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the address and the options of the demo fleet."""
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (8000)")
        parser.add_argument(
            "--host", default=HOST, help=f"address that the web server listens on ({HOST})"
        )
        parser.add_argument(
            "--devices", type=int, default=2000, help="devices of the demo fleet (2000)"
        )
        parser.add_argument(
            "--changes", type=float, default=6.0, help="changes of the demo fleet a minute (6)"
        )
        help_text = "seconds that a simulated agent needs to send a log (5-20)"
        parser.add_argument("--log-delay", default="5-20", help=help_text)

    def handle(self, *_: Any, **options: Any) -> None:
        """Prepare the data, start the processes, print the address and wait."""
        lock = RunLock(settings.DATA_DIR)
        try:
            with lock.held():
                _wait_for_port(options["host"], options["port"])
                people = self._prepare()
                if latest_sync() is None:
                    start_sync(Actor(name="up", role=Role.OPERATOR, source="system"))
                self._run(lock, options, people)
        except RunningError as error:
            raise CommandError(
                f"The console is already running with the data in {settings.DATA_DIR}: {error}. "
                "Stop it with: manage.py down"
            ) from None
        except (RuntimeError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'}: {error.strerror}.") from None
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}".splitlines()[0]) from None
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def _prepare(self) -> dict[str, str]:
        """Prepare tables, static files and users; return the demo users' passwords by name."""
        if problem := schema.problem():
            raise CommandError(problem)
        try:
            told = schema.prepare_to_migrate()
        except (schema.SchemaError, OSError) as error:
            raise CommandError(str(error)) from None
        if told:
            self.stdout.write(told)
        call_command("migrate", verbosity=0)
        check_database(wait=False)
        # Otherwise pages would name the static files of an earlier version.
        call_command("collectstatic", interactive=False, verbosity=0)
        return demo_people() if settings.SIMULATED else {}

    def _run(self, lock: RunLock, options: dict[str, Any], people: dict[str, str]) -> None:
        parts = [Part(name, *each) for name, each in _processes(options).items()]
        redis = [Part("redis", redis_command(settings.REDIS_SOCKET))] if settings.OWN_REDIS else []
        printer = threading.Thread(
            target=self._print_address, args=(options["port"], people), daemon=True
        )

        def changed(parts: Sequence[Part]) -> None:
            try:
                lock.tell({"port": options["port"], "parts": [_told(part) for part in parts]})
            except OSError as error:
                # The parts must run on a full disk too; `status` then tells what was stored before.
                log.error("The processes cannot be noted for `status`: %s.", error.strerror)

        supervisor = Supervisor(
            parts, last=redis, stop_seconds=settings.STOP_SECONDS, changed=changed
        )
        connections.close_all()  # This process needs none while it waits.
        printer.start()
        supervisor.run()

    def _print_address(self, port: int, people: dict[str, str]) -> None:
        """Print the address and the demo users once the web server answers."""
        name = _host_name()
        if not _answers(port, name):
            self.stderr.write(f"The web process does not answer on {HOST}:{port}. See its lines.")
            return
        if settings.PUBLIC:
            lines = [
                f"The console is up: {'https' if settings.HTTPS else 'http'}://{name}/",
                f"The proxy in front of it must forward to http://{HOST}:{port}/",
                "",
            ]
        else:
            lines = [f"The console is up: http://{name}:{port}/", ""]
        if people:
            lines += ["It uses the built-in simulator. Sign in as one of the demo users:"]
            lines += [f"  {name:<10} {password}" for name, password in people.items()]
        elif not any(user.may_act for user in User.objects.all()):
            lines += [
                "Nobody can sign in yet. Run: .venv/bin/python manage.py add_person NAME --role …"
            ]
        if not settings.OWN_REDIS and (problem := redis_problem()):
            lines += ["", f"{problem} Check REDIS_URL: until then one process sends, pages poll."]
        lines += ["", "Press Ctrl-C to stop."]
        self.stdout.write("\n" + "\n".join(lines) + "\n\n")
        self.stdout.flush()


def _told(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "pid": part.process.pid if part.process else None,
        "started_at": part.started.isoformat(timespec="seconds") if part.started else None,
        "restarts": part.restarts,
    }


def _processes(options: dict[str, Any]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the command and the environment of each process, by name."""
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    processes: dict[str, tuple[list[str], dict[str, str]]] = {
        "worker": (
            [
                *(python, "-m", "celery", "-q", "-A", "dashboard", "worker", "--concurrency", "4"),
                *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
            ],
            {"PYTHONWARNINGS": NO_ROOT_WARNING},
        ),
        "ticker": ([python, manage, "tick"], {}),
        "web": (
            [
                *(python, "-m", "uvicorn", "dashboard.asgi:application"),
                *("--host", options["host"], "--port", str(options["port"])),
                *("--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "2"),
                "--no-proxy-headers",
            ],
            {},
        ),
    }
    if settings.SIMULATED:
        vendor = _simulator()
        command = [python, manage, "simulate_vendor"]
        command += ["--port", vendor["base_url"].rsplit(":", 1)[1]]
        for option in ("devices", "changes", "log_delay"):
            command += [f"--{option.replace('_', '-')}", str(options[option])]
        calls, seconds = settings.OPSWAT_RATE_LIMIT
        command += ["--limit", f"{calls:g}/{seconds:g}"]
        processes["vendor"] = (
            command,
            {
                "OPSWAT_CLIENT_ID": vendor["client_id"],
                "OPSWAT_CLIENT_SECRET": vendor["client_secret"],
            },
        )
    return processes


def _simulator() -> dict[str, str]:
    """Return the simulator's URL and credentials, the same as last time if its port is free."""
    path: Path = settings.SIMULATOR_FILE
    vendor: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if not vendor or not _is_free(int(vendor["base_url"].rsplit(":", 1)[1])):
        vendor["base_url"] = f"http://{HOST}:{_free_port()}"
        vendor.setdefault("client_id", secrets.token_urlsafe(12))
        vendor.setdefault("client_secret", secrets.token_urlsafe(24))
        # Replace the file atomically: commands in other terminals may be reading it.
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(vendor, file)
        new.replace(path)
    return vendor


def _wait_for_port(host: str, port: int) -> None:
    """Wait until the web server can use this port; raise CommandError, naming a free one.

    After `up` was killed, its web server needs a few seconds to end.
    """
    if not 0 < port < 65536:
        raise CommandError(f"Port {port} is not valid. Choose a port from 1 to 65535.")
    end = time.monotonic() + PORT_SECONDS
    while not _is_free(port, host):
        if time.monotonic() > end:
            raise CommandError(
                f"Port {port} is in use or not permitted. Try another: make run PORT={_free_port()}"
            )
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int, host: str = HOST) -> bool:
    try:
        with socket.create_server((host, port), family=_family(host)):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _host_name() -> str:
    """Return the name under which browsers reach the console."""
    names = [host.removeprefix(".").lower() for host in settings.ALLOWED_HOSTS if host != "*"]
    public = [name for name in names if name not in settings.LOOPBACK]
    return next(iter(public + names), "localhost")


def _answers(port: int, name: str, seconds: float = 60) -> bool:
    """Return whether the web process answers within this time, also with a redirect to https.

    The probe asks for the console's own name: the web process logs each foreign one.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        web = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            web.request("GET", "/healthz/live/", headers={"Host": name})
            if web.getresponse().status < HTTPStatus.BAD_REQUEST:
                return True
        except (http.client.HTTPException, OSError):
            pass
        finally:
            web.close()
        time.sleep(0.1)
    return False
