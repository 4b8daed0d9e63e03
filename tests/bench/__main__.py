"""`python -m tests.bench [--only NAME ...] [--quick]`: measure, print one table, keep it.

A whole run that is not quick writes docs/benchmarks.md. Ctrl-C ends all that was started; the page
then names what was not measured.
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
from tests.bench.report import line_words, report

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
SECONDS_TO_END = 20.0
"""How long a figure that was interrupted may clean up after itself."""

Results = list[tuple[Figure, dict[str, Any]]]


def main() -> int:
    """Measure what was asked; 0 if every figure could be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    known = [figure.name for figure in FIGURES]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="smaller, for a look in passing")
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
    """A polite kill ends the run as Ctrl-C does, so that nothing is left behind."""
    raise KeyboardInterrupt


def _environment(folder: Path) -> dict[str, str]:
    """What every process of a figure is told; the vendor is filled in once it runs."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
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
    """An empty, migrated database and the static files, from which each figure's are copied."""
    template = folder / "template"
    template.mkdir()
    for command in (["migrate"], ["collectstatic", "--no-input"]):
        subprocess.run(
            [sys.executable, "manage.py", *command, "--verbosity", "0"],
            cwd=ROOT,
            env=_environment(template),
            check=True,
        )


def _measure(figure: Figure, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Run the figure's process; what cannot be measured is said, and never hidden."""
    print(f"{figure.title} …", flush=True)
    # A short name, because sockets lie in it.
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
        said = {"failed": (problem.strip().splitlines() or ["no result"])[-1][:200]}
    else:
        said = json.loads(result.read_text())
    shutil.rmtree(own, ignore_errors=True)
    for words in line_words(said):
        print("   ", *words, flush=True)
    return said


def _end(process: "subprocess.Popen[str]") -> None:
    """End it as Ctrl-C does, and by force if it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _kill_all_of(folder: Path) -> None:
    """Kill what still runs of this run: only its processes were told of its folder."""
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has ended, or it is somebody else's.
            if mark in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                os.kill(int(entry.name), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
