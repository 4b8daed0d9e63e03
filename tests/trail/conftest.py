"""A trail of seven lines."""

import pytest

from actions.actor import Actor
from actions.trail import trail
from actions.trail.verbs import Verb


@pytest.fixture
def lines(operator: Actor) -> None:
    for number in range(1, 8):
        trail.record(
            operator,
            Verb.DEVICES_EXPORTED,
            subject_kind="test",
            subject=str(number),
            reason="x",
            detail="explained" if number == 7 else "",
        )
