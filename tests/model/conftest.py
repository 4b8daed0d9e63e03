"""Virtual time for the tests of the model."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from actions.ratelimit import clock
from tests.model.clock import START, VirtualTime


@pytest.fixture
def virtual_time(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualTime]:
    """Virtual time that only the test advances; the engine has its default limit and timeouts."""
    settings.OPSWAT_RATE_LIMIT = (10, 60.0)
    settings.OPSWAT_TIMEOUT = (5.0, 60.0)
    clock.forget()
    with time_machine.travel(START, tick=False) as traveller:
        time = VirtualTime(traveller)
        monkeypatch.setattr(clock, "time", time)
        yield time
    clock.forget()
