"""What a migration does never changes: it imports nothing of the living code."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imports_of(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: a relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            found.add(ast.unparse(node))
    return {name for name in found if "actions" in name or "dashboard" in name}


def test_low_no_migration_imports_living_code() -> None:
    files = [path for app in ("actions", "dashboard") for path in ROOT.glob(f"{app}/migrations/*")]
    wrong = {
        path.name: living
        for path in files
        if path.suffix == ".py"
        and (living := {name for name in imports_of(path) if ".migrations._frozen_" not in name})
    }

    assert wrong == {}


def test_frozen_code_imports_nothing_of_ours() -> None:
    frozen = [*ROOT.glob("*/migrations/_frozen_*.py")]

    assert frozen
    assert {path.name: imports_of(path) for path in frozen if imports_of(path)} == {}
