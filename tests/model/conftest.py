"""Virtual time for the tests of the model."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from actions.ratelimit import limiter as budget
from tests.model.clock import START, VirtualTime


@pytest.fixture
def virtual_time(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualTime]:
    """Time of the test's own, which passes only when told to; the engine as it is delivered."""
    settings.OPSWAT_RATE_LIMIT = (10, 60.0)
    settings.OPSWAT_TIMEOUT = (5.0, 60.0)
    budget.forget_clock()
    with time_machine.travel(START, tick=False) as traveller:
        time = VirtualTime(traveller)
        monkeypatch.setattr(budget, "time", time)
        yield time
    budget.forget_clock()
