"""The first version, exported from the repository's history, and today's: as command lines."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIRST = "80774f371d0774e32ac9c003f87e63a563c8e328"
"""The last commit before names of tables and columns began to change."""

SETTINGS = {
    "READ_DOT_ENV": "0",
    "PYTHONUNBUFFERED": "1",
    "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    "LOG_LEVEL": "ERROR",
    "AUDIT_KEYS": "k1:a-key-of-the-upgrade-test-with-enough-characters",
    "OPSWAT_BASE_URL": "http://127.0.0.1:9",  # This port answers nobody.
    "OPSWAT_CLIENT_ID": "upgrade",
    "OPSWAT_CLIENT_SECRET": "upgrade-secret",
}
"""The settings of the installation; both versions know them."""

HURRY = {
    "OPSWAT_RATE_LIMIT": "1000000/0.001",
    "ENGINE_IN_FLIGHT": "1000000",
    "ENGINE_URGENT_WAIT": "0.001",
    "ENGINE_CONFIRM_AFTER": "36000",
    "AGENT_LOG_FIRST_LOOK": "36000",
}
"""What the first version needs besides, to settle many calls at once and to read nothing back."""


class Failed(Exception):
    """A step of the proof did not hold; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Version:
    """A tree of code with the environment of an installation."""

    root: Path
    env: Mapping[str, str]

    def manage(self, *args: str) -> str:
        """Run a command of manage.py; returns what it printed, or raises Failed."""
        return self.run("manage.py", *args)

    def run(self, *args: str) -> str:
        """Run Python with these arguments; returns what it printed, or raises Failed."""
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout[-1000:] + done.stderr[-3000:]).strip()
            raise Failed(f"{' '.join(args)[:100]} in {self.root.name} failed:\n{said}")
        return done.stdout


def environment(data: Path, url: str) -> dict[str, str]:
    """Return the environment of an installation; without a URL its database is a file in `data`."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return env | SETTINGS | {"DATA_DIR": str(data)} | ({"DATABASE_URL": url} if url else {})


def export_first(folder: Path) -> None:
    """Write the tree of the first version to `folder`, with the code that fills its database."""
    known = _git("cat-file", "-e", f"{FIRST}^{{commit}}")
    if known.returncode:
        raise Failed(
            f"The commit {FIRST[:7]} is not in this clone, so no upgrade from it can be tried. "
            f"Fetch the whole history: git fetch --unshallow. {known.stderr.strip()}"
        )
    archive = folder.with_suffix(".tar")
    done = _git("archive", "--format=tar", f"--output={archive}", FIRST)
    if done.returncode:
        raise Failed(f"git archive failed: {done.stderr.strip()}")
    with tarfile.open(archive) as file:
        # Python before 3.11.4 has no filters; the archive is our own.
        filtered: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        file.extractall(folder, **filtered)  # noqa: S202
    archive.unlink()
    here = Path(__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(here / "filling", folder / "tests" / "upgrade" / "filling", ignore=ignored)
    shutil.copy(here / "__init__.py", folder / "tests" / "upgrade" / "__init__.py")


def _git(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
