"""The wall clock is set while a job runs: sending goes on, and the limit and each device hold.

The vendor runs in the process of the test, whose clock is not set.
"""

import time
from itertools import pairwise

import pytest

from tests.processes.conftest import MakeInstallation
from tests.processes.installation import Installation
from tests.processes.surroundings import FakeClock

CALLS, WINDOW = 10, 3.0
"""The vendor's rate limit: calls, and seconds of the window."""

REASON = "SELECT open_reason FROM actions_vendoraccount"

DEVICES = [f"d{number}" for number in range(400)]


def clock_of(installation: Installation) -> float:
    """Return what the console's processes take for the time, in seconds since 1970."""
    done = installation.manage("shell", "-v", "0", "-c", "import time; print(time.time())")
    return float(done.stdout)


def sent(installation: Installation) -> int:
    return sum(installation.vendor.applied.values())


@pytest.mark.parametrize("seconds", [-86_400, 300])  # make chaos has others.
def test_h2_a_clock_that_is_set_pauses_sending_for_a_window_at_most(
    make_installation: MakeInstallation, seconds: int
) -> None:
    installation = make_installation(limit=(CALLS, WINDOW))
    for device in DEVICES:
        installation.vendor.add_device(device_id=device)
    installation.env |= {
        "OPSWAT_RATE_LIMIT": f"{CALLS}/{WINDOW:g}",
        "OPSWAT_MAX_DEVICES": "10",
        "ENGINE_VERIFY_AFTER": "0",
    }
    fake_clock = FakeClock(installation.folder)
    installation.env |= fake_clock.env
    installation.submit("delete", *DEVICES)
    installation.start_redis()
    installation.worker()
    installation.ticker()
    installation.wait_until(lambda: sent(installation) >= 100)

    fake_clock.set(seconds)

    assert abs(clock_of(installation) - time.time() - seconds) < 60
    if installation.database.url.startswith("sqlite"):  # PostgreSQL's clock is not set.
        installation.wait_until(lambda: "The clock was set." in installation.rows(REASON)[0])
    installation.wait_until(lambda: sent(installation) == len(DEVICES))
    installation.wait_until(lambda: set(installation.statuses().values()) == {"accepted"})
    arrivals = sorted(call.at for call in installation.vendor.received)
    gaps = [last - first for first, last in zip(arrivals, arrivals[CALLS:], strict=False)]
    assert min(gaps) >= WINDOW
    assert {call.status for call in installation.vendor.received} == {200}
    assert set(installation.vendor.applied.values()) == {1}
    # The longest silence: the pause of one window after the window in use, and a busy machine.
    silences = [later - earlier for earlier, later in pairwise(arrivals)]
    assert max(silences) < 4 * WINDOW + 10
    assert installation.manage("audit_verify").returncode == 0
