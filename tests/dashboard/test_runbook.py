"""docs/operations.md: its runbook names each notice, and its units name what exists."""

import ast
import configparser
import inspect
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from dashboard import context_processors

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
UNITS = sorted((ROOT / "docs" / "systemd").iterdir())


def titles() -> set[str]:
    """Return the title of each notice; what is filled in is "…"."""
    found = {title for title, _ in context_processors._STOPPED.values() if title}
    for node in ast.walk(ast.parse(inspect.getsource(context_processors))):
        if isinstance(node, ast.Assign) and "title" in {ast.unparse(each) for each in node.targets}:
            found.add(text_of(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_notice":
            found.add(text_of(node.args[1]))
    return found - {""}


class AsWritten(configparser.ConfigParser):
    """Names of options keep their capitals."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return "…" if isinstance(node, ast.FormattedValue) else ""


def test_the_runbook_names_each_notice():
    told = {row.split("|")[1].strip() for row in OPERATIONS.splitlines() if row.startswith("| ")}

    # A title that the engine makes is in the code as a variable; the document names it too.
    expected = titles() | {"Redis does not answer (…)."}
    assert {title.replace("No … has", "No worker has") for title in expected} <= told
    assert "No ticker has been active for a minute." in told


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_names_commands_and_files_that_exist(unit: Path):
    parsed = AsWritten(interpolation=None, strict=False)
    parsed.read_string(unit.read_text(encoding="utf-8"))
    assert set(parsed.sections()) <= {"Unit", "Service", "Timer", "Install"}
    if "Service" not in parsed:
        return
    start = parsed["Service"]["ExecStart"]
    for name in re.findall(r"manage\.py (\w+)", start):
        assert name in get_commands()
    assert parsed["Unit"]["Documentation"] == "file:/opt/console/docs/operations.md"
