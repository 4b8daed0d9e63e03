""".env.example documents every setting, with its default."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.settings import RENAMED

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SETTINGS = (ROOT / "dashboard" / "settings.py").read_text(encoding="utf-8")

READ = re.compile(r"""(?:env\.\w+|environ\.get|_pair)\(\s*"([A-Z_]+)\"""")
LINE = re.compile(r"^# ([A-Z_]+)=(.*)$", re.MULTILINE)


def test_every_setting_and_nothing_else_is_documented() -> None:
    assert sorted(name for name, _ in LINE.findall(EXAMPLE)) == sorted(set(READ.findall(SETTINGS)))


def test_every_setting_has_an_explanation() -> None:
    for block in EXAMPLE.strip().split("\n\n"):
        lines = block.splitlines()
        assert all(line.startswith("#") for line in lines)
        settings = [line for line in lines if LINE.match(line)]
        assert len(settings) <= 1
        if settings:
            assert lines[-1] == settings[0]
            assert len(lines) > 1


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    """With every line uncommented the settings are the same as without the file."""
    lines = [(name, value) for name, value in LINE.findall(EXAMPLE) if value]
    ask = (
        "import json, dashboard.settings as s;"
        "print(json.dumps({n: repr(getattr(s, n)) for n in dir(s) if n.isupper()"
        " and n.startswith(('OPSWAT', 'ENGINE', 'INVENTORY', 'ALLOWED', 'HTTPS', 'DEBUG',"
        " 'LOGGING'))}))"
    )
    bare = {
        "DATA_DIR": str(tmp_path),
        "READ_DOT_ENV": "0",
        "OPSWAT_CLIENT_ID": "me",
        "OPSWAT_CLIENT_SECRET": "x",
    }
    answers = [
        subprocess.run(
            [sys.executable, "-c", ask], env=env, cwd=ROOT, capture_output=True, check=True
        ).stdout
        for env in (bare, dict(lines) | bare)
    ]

    assert answers[0] == answers[1]


@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_a_renamed_setting_is_refused_with_its_new_name(tmp_path: Path, suffix: str) -> None:
    for old, new in RENAMED.items():
        env = {"DATA_DIR": str(tmp_path), "READ_DOT_ENV": "0", old + suffix: "7"}
        done = subprocess.run(
            [sys.executable, "-c", "import dashboard.settings"],
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert f"{old} was renamed: set {new} instead." in done.stderr
        assert new in EXAMPLE
