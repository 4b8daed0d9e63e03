"""Fixtures of the tests of selections."""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def many_uploads(settings: Any) -> None:
    """Let a test upload more lists in a minute than a person may."""
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 100_000)
