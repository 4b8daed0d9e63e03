"""`python -m tests.bench [--only NAME ...] [--quick]`: measure, print one table, save it.

A whole run that is not quick writes docs/benchmarks.md. Ctrl-C ends all processes of the run; the
table then names what was not measured.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tests.bench.figures import FIGURES, Figure
from tests.bench.report import line_cells, report

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
KEPT = ("PATH", "HOME", "LANG", "BENCH_LINES", "BENCH_COMMANDS")
"""Variables of the environment that a figure sees."""

SECONDS_TO_END = 20.0
"""Time in which an interrupted figure may clean up."""

Results = list[tuple[Figure, dict[str, Any]]]


def main() -> int:
    """Measure the chosen figures; return 0 if every one could be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    known = [figure.name for figure in FIGURES]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="smaller jobs and fewer tries")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    start, load = time.monotonic(), os.getloadavg()[0]
    results: Results = []
    chosen = [figure for figure in FIGURES if figure.name in options.only]
    folder = Path(tempfile.mkdtemp(prefix="console-bench-"))
    try:
        _prepare(folder)
        for figure in chosen:
            results.append((figure, _measure(figure, folder, quick=options.quick)))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        ended: dict[str, Any] = {"failed": "the run was ended before"}
        results += [(figure, ended) for figure in chosen[len(results) :]]
    finally:
        _kill_all_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
    text = report(results, quick=options.quick, seconds=time.monotonic() - start, load=load)
    print(f"\n{text}")
    if options.only == known and not options.quick:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    return int(any("failed" in result for _, result in results))


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """End the run on SIGTERM as on Ctrl-C, so that no process is left."""
    raise KeyboardInterrupt


def _environment(folder: Path) -> dict[str, str]:
    """Environment of all processes of a figure; `Installation.vendor` sets the vendor's address."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    return env | {
        "READ_DOT_ENV": "0",
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'console.sqlite3'}",
        "OPSWAT_BASE_URL": "http://127.0.0.1:9",
        "OPSWAT_CLIENT_ID": "nobody",
        "OPSWAT_CLIENT_SECRET": "nothing",
        "LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }


def _prepare(folder: Path) -> None:
    """Make an empty, migrated database and the static files; each figure gets a copy."""
    template = folder / "template"
    template.mkdir(mode=0o700)
    for command in (["migrate"], ["collectstatic", "--no-input"]):
        subprocess.run(
            [sys.executable, "manage.py", *command, "--verbosity", "0"],
            cwd=ROOT,
            env=_environment(template),
            check=True,
        )


def _measure(figure: Figure, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Run the figure's process; return its result, or `failed` with the reason."""
    print(f"{figure.title} …", flush=True)
    # A short name: it holds Unix sockets, whose paths are limited to 108 bytes.
    own = folder / f"f{FIGURES.index(figure)}"
    shutil.copytree(folder / "template", own)
    result = own / "result.json"
    command = [sys.executable, "-m", "tests.bench.child", figure.name, str(result)]
    process = subprocess.Popen(
        [*command, *(["--quick"] if quick else [])],
        cwd=ROOT,
        env=_environment(own),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, problem = process.communicate(timeout=figure.seconds)
    except subprocess.TimeoutExpired:
        problem = f"given up after {figure.seconds:.0f} s"
    finally:
        _end(process)
        _kill_all_of(own)
    if process.returncode or not result.exists():
        print(problem[-3000:], file=sys.stderr)
        output = {"failed": (problem.strip().splitlines() or ["no result"])[-1][:200]}
    else:
        output = json.loads(result.read_text())
    shutil.rmtree(own, ignore_errors=True)
    for cells in line_cells(output):
        print("   ", *cells, flush=True)
    return output


def _end(process: "subprocess.Popen[str]") -> None:
    """Interrupt the process as Ctrl-C does; kill it if it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _kill_all_of(folder: Path) -> None:
    """Kill the remaining processes of this run: those whose environment names its folder."""
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has ended, or belongs to another user.
            if mark in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                os.kill(int(entry.name), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
