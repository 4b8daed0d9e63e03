"""Several real workers and a real Redis against a vendor that counts calls."""

import random
from concurrent.futures import ThreadPoolExecutor

from tests.processes.conftest import MakeInstallation

CALLS, WINDOW = 10, 6.0
"""The vendor's rate limit: calls, and seconds of the window (a tenth of the real 60 s)."""


def test_no_window_has_more_than_ten_calls_and_every_device_is_acted_on_once(
    make_installation: MakeInstallation,
) -> None:
    random.seed(20)
    installation = make_installation(limit=(CALLS, WINDOW))
    vendor = installation.vendor
    installation.env |= {
        "OPSWAT_RATE_LIMIT": f"{CALLS}/{WINDOW:g}",
        "OPSWAT_TIMEOUT": "5/5",
        "OPSWAT_MAX_DEVICES": "10",
        "ENGINE_RUN_SECONDS": "5",
    }
    requests = [[f"{name}{number}" for number in range(80)] for name in "abc"]
    for device_id in (device_id for request in requests for device_id in request):
        vendor.add_device(device_id=device_id)
    vendor.fault("late", times=None, api=None, seconds=0.0, jitter=0.6)
    vendor.fault("slow", times=None, api=None, seconds=0.0, jitter=0.6)
    installation.start_redis()
    for _ in range(2):
        installation.worker(concurrency=2)
    installation.ticker()

    with ThreadPoolExecutor(3) as people:
        list(people.map(lambda devices: installation.submit("delete", *devices), requests))
    installation.wait_until(lambda: set(installation.statuses().values()) == {"accepted"}, 90)

    arrivals = sorted(call.at for call in vendor.received)
    assert len(installation.statuses()) == 240
    assert len(arrivals) == 25  # The token, and 24 calls of ten devices.
    gaps = [last - first for first, last in zip(arrivals, arrivals[CALLS:], strict=False)]
    assert min(gaps) >= WINDOW
    assert {call.status for call in vendor.received} == {200}
    assert set(vendor.applied.values()) == {1}
    assert len(vendor.applied) == 240
    # The minimum is two windows; a call takes up to 1.2 s, and the machine may be slow.
    assert arrivals[-1] - arrivals[0] < 4 * WINDOW + 6.0
