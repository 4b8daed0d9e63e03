"""Run a module in a child process with limits, for work on data that a stranger made.

The child is a new Python with an empty environment: it has no secret, no connection and no thread
of the server, so this works from a threaded server and from a Celery worker alike. It sets its own
limits before it imports the module, and writes no files. The module reads standard input and writes
its answer to standard output.
"""

import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SLOTS = 2
"""Children that one process runs at a time; a further call waits for a slot."""

OUT_OF_MEMORY = 3
"""The exit code of a child that reached its limit of memory."""

_slots = threading.BoundedSemaphore(SLOTS)


class Ended(StrEnum):
    """Why a child gave no answer."""

    BUSY = "busy"
    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    FAILED = "failed"


class ChildFailed(Exception):
    """The child gave no answer within its limits; `why` says which limit."""

    def __init__(self, why: Ended) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: bytes of memory and answer, seconds of CPU and of wall-clock time."""

    memory: int
    output: int
    cpu_seconds: int
    wall_seconds: float


def run_module(module: str, data: bytes, limits: Limits, *arguments: str) -> bytes:
    """Run a module in a child process with `data` as its input; return its output.

    Raises ChildFailed if the child does not end with success within the limits.
    """
    if not _slots.acquire(timeout=limits.wall_seconds):
        raise ChildFailed(Ended.BUSY)
    try:
        with tempfile.TemporaryFile() as given:
            given.write(data)
            given.seek(0)
            return _run(_command(module, limits, arguments), given.fileno(), limits)
    finally:
        _slots.release()


def _command(module: str, limits: Limits, arguments: tuple[str, ...]) -> list[str]:
    own = [str(limits.memory), str(limits.cpu_seconds), module]
    return [sys.executable, "-s", "-B", "-m", "actions.child_process", *own, *arguments]


def _run(command: list[str], given: int, limits: Limits) -> bytes:
    process = subprocess.Popen(  # noqa: S603  # Our own module.
        command,
        cwd=ROOT,  # Where Python finds the module.
        env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(limits.wall_seconds, end)
    timer.daemon = True
    timer.start()
    try:
        with process:  # Waits for its end.
            assert process.stdout is not None  # noqa: S101  # It is a pipe.
            answer = process.stdout.read(limits.output + 1)
            if len(answer) > limits.output:
                process.kill()
    finally:
        timer.cancel()
    if len(answer) > limits.output:
        raise ChildFailed(Ended.OUTPUT)
    if late.is_set() or process.returncode == -signal.SIGXCPU:
        raise ChildFailed(Ended.TIME)
    if process.returncode == OUT_OF_MEMORY:
        raise ChildFailed(Ended.MEMORY)
    if process.returncode:
        raise ChildFailed(Ended.FAILED)
    return answer


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))


def main(memory: str, cpu_seconds: str, module: str, *arguments: str) -> None:
    """Set the limits of this process, then run the module as a program."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, int(memory))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_seconds), int(cpu_seconds) + 1))
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__")
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main(*sys.argv[1:])
