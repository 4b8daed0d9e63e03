"""Each part of the console is killed once while it sends; `python -m tests.chaos` kills more."""

import pytest

from tests.chaos.event_log import EventLog
from tests.chaos.installation import open_installation
from tests.chaos.killed_parts import PARTS, kill_parts
from tests.ports import free_port

pytestmark = pytest.mark.processes


def test_h3_h4_sending_goes_on_whichever_part_is_killed_and_nothing_is_lost_or_repeated() -> None:
    event_log = EventLog(print)
    with open_installation(13) as installation:
        installation.port = free_port()

        result = kill_parts(installation, event_log, 13, times=1)

        print(result)
        assert not result.findings, f"{result}\n{installation.output()}"
        assert set(result.resumed) == set(PARTS)
