"""Every line of the trail has a verb of the enum; no other code contains a verb as text."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from actions.audit.siem.syslog import message
from actions.trail.models import AuditEvent
from actions.trail.verbs import RETIRED, WARNINGS, Verb, label_of

ROOT = Path(settings.BASE_DIR)
OTHERS = ("migrations", "simulator")


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """The syntax trees of our code, without the enum itself."""
    files = [path for top in ("actions", "dashboard") for path in (ROOT / top).rglob("*.py")]
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in files
        if path.name != "verbs.py" and not set(path.parts).intersection(OTHERS)
    }


def nodes(modules: dict[str, ast.Module]) -> Iterator[tuple[str, ast.AST]]:
    for name, tree in modules.items():
        for node in ast.walk(tree):
            yield f"{name}:{getattr(node, 'lineno', 0)}", node


def recorders(modules: dict[str, ast.Module]) -> dict[str, set[int]]:
    """Functions that take a verb, each with the positions of that parameter."""
    found: dict[str, set[int]] = defaultdict(set)
    for _, node in nodes(modules):
        if isinstance(node, ast.FunctionDef):
            for position, parameter in enumerate(node.args.args):
                if parameter.annotation and ast.unparse(parameter.annotation) == "Verb":
                    found[node.name].add(position)
    return found


def test_every_verb_is_used_or_retired_with_a_reason(modules):
    used = {
        node.attr
        for _, node in nodes(modules)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Verb"
    }
    assert {verb.name for verb in Verb} - used == {verb.name for verb in RETIRED}
    assert all(RETIRED.values())


def test_only_the_enum_holds_a_verb_as_text(modules):
    found = [
        place
        for place, node in nodes(modules)
        if isinstance(node, ast.Constant) and node.value in Verb.values
    ]
    assert found == []


def test_no_call_builds_a_verb_from_text(modules):
    positions = recorders(modules)
    assert 1 in positions["record"]
    assert 1 in positions["record_refusal"]
    found = []
    for place, node in nodes(modules):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [each for at, each in enumerate(node.args) if at in positions.get(name, ())]
        given += [keyword.value for keyword in node.keywords if keyword.arg == "verb"]
        if any(isinstance(each, ast.Constant | ast.JoinedStr | ast.BinOp) for each in given):
            found.append(place)
    assert found == []


def test_every_verb_fits_its_column_and_has_a_label():
    limit = AuditEvent._meta.get_field("verb").max_length
    assert limit
    for verb in Verb:
        assert len(verb) <= limit
        assert verb.label
    assert len(set(Verb.labels)) == len(Verb)


@pytest.mark.parametrize(
    ("verb", "label"),
    [("log.ready", "Agent log ready"), ("gone.long_ago", "Gone long ago")],
)
def test_a_stored_verb_has_a_label_even_when_it_is_unknown(verb, label):
    assert label_of(verb) == label


def test_refusals_failures_and_freezes_are_warnings_in_syslog():
    for verb in Verb:
        line = {"id": 1, "at": "2026-01-31T00:00:00+00:00", "verb": str(verb), "mac": "0"}
        is_warning = verb.endswith(("refused", "failed", "frozen"))
        assert (verb in WARNINGS) == is_warning
        assert message(line).startswith(b"<108>" if is_warning else b"<109>")
