"""An installation with data of each kind, and the commands `backup` and `restore` on it."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres import client_programs
from tests.processes.conftest import MakeInstallation
from tests.processes.databases import empty_database
from tests.processes.installation import ROOT, Completed, Installation

COMMANDS = "SELECT COUNT(*) FROM actions_devicecommand"


def with_data(make_installation: MakeInstallation) -> Installation:
    """Make an installation with a request of 20 devices, and a file of each kind."""
    installation = make_installation()
    installation.env["PATH"] = f"{client_programs()}:{installation.env['PATH']}"
    for number in range(20):
        installation.vendor.add_device(device_id=f"d{number}")
    installation.submit("unexempt", *(f"d{n}" for n in range(20)))
    for name in ("agent-logs/ab/c.zip", "audit-archive/2025.zip", "audit-exports/1.zip"):
        (installation.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (installation.folder / name).write_bytes(name.encode() * 100)
    return installation


def run(installation: Installation, *command: str) -> Completed:
    done = installation.manage(*command)
    assert done.returncode == 0, done.stderr
    return done


def refused(done: Completed) -> str:
    """Return the one line with which a command was refused."""
    assert done.returncode == 1, done.stdout
    [line] = done.stderr.strip().splitlines()
    return line


def state(installation: Installation) -> dict[str, str]:
    """Return the checksum of each file, databases and locks aside, and all rows of two tables."""
    found = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in installation.folder.rglob("*")
        if path.is_file() and not path.name.startswith(("console.sqlite3", "up."))
    }
    for table in ("actions_devicecommand", "actions_auditevent", "actions_vendoraccount"):
        found[table] = str(installation.rows(f"SELECT * FROM {table} ORDER BY 1"))  # noqa: S608
    return found


@contextmanager
def new_machine(installation: Installation) -> Iterator[Installation]:
    """The same vendor, an empty data folder and a database without tables."""
    folder = installation.folder / "new"
    folder.mkdir(mode=0o700)
    shutil.copytree(installation.folder / "static", folder / "static")
    with empty_database(folder) as database:
        machine = Installation(folder, database, installation.vendor)
        machine.env["PATH"] = installation.env["PATH"]
        yield machine


def change(installation: Installation, statement: str) -> None:
    """Change the database without manage.py, which refuses a newer version."""
    code = "import django; django.setup(); from django.db import connection; "
    code += f"connection.cursor().execute({statement!r})"
    env = installation.env | {"DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)
