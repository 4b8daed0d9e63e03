"""The periodic work on the trail does not depend on the wall clock running forwards."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from actions.audit import maintenance

pytestmark = pytest.mark.django_db


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_ANCHORS_FILE = tmp_path / "anchors.jsonl"
    return tmp_path / "anchors.jsonl"


def test_an_anchor_is_written_once_in_its_interval(file: Path) -> None:
    maintenance.run()
    maintenance.run()
    assert lines(file) == 1


@pytest.mark.parametrize("age", [maintenance.ANCHOR_INTERVAL + 1, -300.0, -86_400.0])
def test_h2_an_anchor_is_due_after_its_interval_and_after_the_clock_was_set_back(
    file: Path, age: float
) -> None:
    maintenance.run()
    written = time.time() - age
    os.utime(file, (written, written))

    maintenance.run()

    assert lines(file) == 2
