"""The short form of the chaos; `python -m tests.chaos` is the long one."""

import pytest

from tests.chaos.play import SHORT, play

pytestmark = pytest.mark.processes


def test_nothing_is_lost_or_doubled_and_the_limit_holds_while_everything_is_killed() -> None:
    outcome = play(SHORT)

    print(outcome)
    assert not outcome.findings, f"\n{outcome.everything}"
