"""H5: a hostile archive costs the web process little memory, whatever its files unpack to."""

import pytest

from tests.fuzz.worst import contents, measure

MAX_GROWTH = 30
"""Megabytes; the files of each archive unpack to 48 MB together."""


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, float]]:
    return dict(measure(megabytes=24))


@pytest.mark.parametrize("name", contents())
def test_h5_reading_the_worst_archives_needs_bounded_memory(costs, name):
    assert costs[name]["refused"] == 0
    assert costs[name]["megabytes"] < MAX_GROWTH
