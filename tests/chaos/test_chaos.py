"""A short chaos run; `python -m tests.chaos` makes long ones."""

import pytest

from tests.chaos.run import SHORT, run_chaos

pytestmark = pytest.mark.processes


def test_while_processes_are_killed_nothing_is_lost_or_repeated_and_the_limit_holds() -> None:
    result = run_chaos(SHORT)

    print(result)
    assert not result.findings, f"\n{result.report}"
