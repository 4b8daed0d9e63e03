"""The share of the rate limit that is used while work waits."""

import random
import time

from actions.simulator import Simulator
from tests.bench import setup, vendor_log
from tests.bench.alternatives import Alternative
from tests.bench.installation import Installation
from tests.bench.result import Line, Spread, spread

LIMIT, QUICK = (10, 60.0), (10, 12.0)
SEED = 10


def use(*, quick: bool) -> list[Line]:
    """The share of the limit that was used while there was always work.

    Real processes, two workers, the vendor's real limit (when quick five times faster: 10 calls
    in 12 s, where margin and wake-up weigh more), an endless job, answers after 20 to 80 ms.
    The use is the window ÷ the mean time in which ten calls arrived, over three windows.
    Meanwhile a person submits an urgent request every third of a window or so, each with other
    hours (seed 10): how long these waited until they arrived at the vendor, with a bound of 10
    s at the real limit. Celery's `rate_limit` of ten calls a minute runs on three workers, in
    the quick window, against a vendor that refuses nothing; its calls are scaled to a whole
    minute.
    """
    limit = QUICK if quick else LIMIT
    window, faster = limit[1], 60.0 / limit[1]
    seconds = (2.3 if quick else 3.3) * window
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(limit)
        installation.configure(ENGINE_URGENT_WAIT=10.0 / faster, ENGINE_VERIFY_AFTER=0)
        vendor.fault("slow", times=None, api=None, seconds=0.02, jitter=0.06)
        installation.worker()
        installation.worker()
        installation.ticker()
        setup.submit(setup.names("u", 5_000), "dhcprenew")
        submitted = _submit_urgent(seconds, window)
        time.sleep(0.25 * window)
        times = vendor_log.arrivals(vendor)
        refused = vendor_log.refused(vendor)
        waits = _waits(vendor, submitted, faster)
    share = vendor_log.use_of_the_limit(times, *limit)
    lost = len(submitted) - len(waits.times)
    text = f"{share:.1%} ({len(times)} calls, {refused} refused)"
    return [
        Line("this engine, 2 workers", text, share, "≥ 98 %", share >= 0.98 and not refused),
        _celery(14.0 if quick else 20.0),
        Line(
            "urgent meanwhile, real processes",
            f"{waits}{f', {lost} on their way' if lost else ''}",
            waits.p95,
            "≤ 10 s + a call",
            waits.p95 <= 10.0 + faster * 0.2,
        ),
    ]


def _waits(vendor: Simulator, submitted: dict[str, float], faster: float) -> Spread:
    """Return the seconds from each submit to its arrival, scaled to the window of 60 s."""
    found = {name: call.at for call in vendor.received for name in vendor_log.targets(call)}
    return spread([(found[name] - at) * faster for name, at in submitted.items() if name in found])


def _submit_urgent(seconds: float, window: float) -> dict[str, float]:
    """Submit urgent requests at random times for so many seconds; return the time of each."""
    rng = random.Random(SEED)
    submitted: dict[str, float] = {}
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        time.sleep(rng.uniform(0.25, 0.42) * window)
        name = f"urgent{len(submitted)}"
        submitted[name] = time.monotonic()
        setup.submit([name], "exempt", hours=str(len(submitted)))
    return submitted


def _celery(seconds: float) -> Line:
    calls, window = QUICK
    ids = setup.names("c", 2_000)
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(None)
        alternative = Alternative(installation, vendor, QUICK, "dhcprenew")
        alternative.enqueue(ids)
        for _ in range(3):
            alternative.worker(rate=f"{calls * 60.0 / window:g}/m")
        time.sleep(seconds + 4.0)
        times = vendor_log.arrivals(vendor, "action")
    times = [at for at in times if at > times[-1] - seconds]
    per_minute = (len(times) - 1) / (times[-1] - times[0]) * window
    share = per_minute / calls
    return Line(
        "Celery rate_limit, 3 workers", f"{share:.0%} ({per_minute:.0f} calls a minute)", share
    )
