"""How many calls many equal requests of one device each need."""

import random
import time

from tests.bench import setup, vendor_log
from tests.bench.alternatives import Alternative
from tests.bench.installation import Installation, until
from tests.bench.result import Line

LIMIT = (10, 12.0)
FASTER = 60.0 / LIMIT[1]
REQUESTS = 200
SEED = 3


def calls(*, quick: bool) -> list[Line]:
    """Calls that arrived at the vendor for 200 requests of one device each, of one kind.

    They come at random times within 12 s, a minute with time five times faster, while a real
    worker, Redis and ticker run and the limit is 10 calls in 12 s. If this machine is too slow to
    submit them within that time, the time that it took is shown. Two rounds (one when quick),
    each with its own seed from 3 on; the most calls of a round count. The comparison is a
    Celery task for each request, whose count does not depend on the pace: so it is measured
    without limit, which saves twenty minutes, and the time is calculated.
    """
    rounds = [_round(seed) for seed in range(SEED, SEED + (1 if quick else 2))]
    worst = max(count for count, _, _ in rounds)
    submit_seconds = max(seconds for _, seconds, _ in rounds)
    longest = max(seconds for _, _, seconds in rounds)
    least = -(-REQUESTS // 50)
    all_counts = ", ".join(str(count) for count, _, _ in rounds)
    window = LIMIT[1]
    slow = (
        f"; they came in {submit_seconds / window:.1f} min" if submit_seconds > 1.1 * window else ""
    )
    return [
        Line(
            "this engine",
            f"{worst} (rounds: {all_counts}; all answered within {longest / window:.1f} min{slow})",
            worst,
            f"≤ {least + 1}: the first goes at once",
            worst <= least + 1,
        ),
        _one_by_one(),
    ]


def _round(seed: int) -> tuple[int, float, float]:
    rng = random.Random(seed)
    ids = setup.names(f"s{seed}-", REQUESTS)
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(LIMIT)
        installation.configure(ENGINE_VERIFY_AFTER=0, ENGINE_URGENT_WAIT=10.0 / FASTER)
        setup.add_to_vendor(vendor, ids)
        installation.worker()
        installation.ticker()
        setup.warm_up(vendor)
        time.sleep(LIMIT[1])
        seen = len(vendor.received)
        start = time.monotonic()
        action_requests = []
        for name, offset in zip(ids, sorted(rng.uniform(0, LIMIT[1]) for _ in ids), strict=True):
            time.sleep(max(0.0, start + offset - time.monotonic()))
            action_requests.append(setup.submit([name], "exempt"))
        submit_seconds = time.monotonic() - start
        until(lambda: setup.settled(*action_requests), 60)
        took = time.monotonic() - start
        done = [vendor.applied["exempt", name] for name in ids]
        if done != [1] * REQUESTS:
            raise AssertionError("not every device was acted on exactly once")
        return sum(call.api == "action" for call in vendor.received[seen:]), submit_seconds, took


def _one_by_one() -> Line:
    ids = setup.names("one-", REQUESTS)
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(None)
        setup.add_to_vendor(vendor, ids)
        alternative = Alternative(installation, vendor, LIMIT, "exempt")
        alternative.worker()
        alternative.enqueue(ids)
        until(lambda: len(vendor_log.arrivals(vendor, "action")) >= REQUESTS, 60)
        count = len(vendor_log.arrivals(vendor, "action"))
    minutes = vendor_log.least_seconds(count, *LIMIT) / LIMIT[1]
    return Line(
        "a Celery task for each", f"{count} (at least {minutes:.0f} min at the limit)", count
    )
