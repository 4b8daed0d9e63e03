"""The number of calls in any window, under delays and killed processes."""

import random
import time
from collections.abc import Callable
from functools import partial

from actions.inventory.sync import start_sync
from actions.simulator import Simulator
from tests.bench import setup, vendor_log
from tests.bench.alternatives import Alternative
from tests.bench.installation import Installation, Process, until
from tests.bench.result import Line

LIMIT = (10, 6.0)
SEED = 1
FIRST_CALL_SECONDS = 40.0
DEVICES = 1_500
MAX_DELAY = 0.6
"""Longest delay of a call and of an answer in seconds; 6 s with time ÷ 10."""


def worst_window(*, quick: bool) -> list[Line]:
    """The most calls that arrived at the vendor in any 6 s, where its limit is 10 in 6 s.

    Time runs ten times faster. Two real processes of each; every call arrives up to 0.6 s late
    and is answered up to 0.6 s late; every 9 s one process is killed (-9) and replaced. The
    engine has three bulk jobs, urgent requests at random times, a full read of 2,000 devices
    and its read-back besides. The time begins with the first calls. The alternatives make a
    call for each device, start with a token that costs no call, and run side by side, each with
    a vendor of its own. Refused calls are counted too: they arrived. Celery's `rate_limit` is
    what its documentation offers, 10 calls in a window for each worker. Seed 1.
    """
    seconds = 20.0 if quick else 38.0
    with Installation() as installation:
        installation.redis()
        lines = [_ours(installation, seconds)]
    with Installation() as installation:
        installation.redis()
        return lines + _alternatives(installation, 14.0 if quick else 20.0)


def _ours(installation: Installation, seconds: float) -> Line:
    vendor = installation.vendor(LIMIT, devices=2_000)
    installation.configure(
        OPSWAT_TIMEOUT=(1.0, 3.0),
        OPSWAT_MAX_DEVICES=10,
        ENGINE_RUN_SECONDS=2.0,
        ENGINE_GRACE_SECONDS=0.5,
        ENGINE_URGENT_WAIT=1.0,
        ENGINE_VERIFY_AFTER=6.0,
    )
    add_delays(vendor)
    rng = random.Random(SEED)
    ids = list(vendor.devices)
    installation.ticker()
    workers = [installation.worker(), installation.worker()]
    for kind, first in (("unexempt", 0), ("ignore", 600), ("dhcprenew", 1_200)):
        setup.submit(ids[first : first + 600], kind)
    start_sync(setup.operator())
    until(lambda: len(vendor.received) > 1, FIRST_CALL_SECONDS)

    def submit_something() -> None:
        setup.submit([rng.choice(ids)], "exempt", hours=str(rng.randint(1, 60_000)))

    run_with_kills(installation, workers, installation.worker, seconds, rng, also=submit_something)
    times = vendor_log.arrivals(vendor)
    worst = vendor_log.worst_window(times, LIMIT[1])
    apis = sorted({call.api for call in vendor.received})
    refused = vendor_log.refused(vendor)
    if worst < LIMIT[0]:
        raise AssertionError(f"{len(times)} calls were too few to test the limit")
    return Line(
        "this engine, 2 workers",
        f"{worst} ({len(times)} calls in {seconds:.0f} s to {', '.join(apis)}; {refused} refused)",
        worst,
        f"≤ {LIMIT[0]}",
        worst <= LIMIT[0] and not refused,
    )


def _alternatives(installation: Installation, seconds: float) -> list[Line]:
    ids = setup.names("x", DEVICES)
    alternatives: dict[str, tuple[Alternative, list[Process], Callable[[], Process]]] = {}
    for who in ("Celery rate_limit, 2 workers", "a fixed window in Redis", "requests-ratelimiter"):
        vendor = installation.vendor(LIMIT, token_counts=False)
        setup.add_to_vendor(vendor, ids)
        alternative = Alternative(installation, vendor, LIMIT, "dhcprenew", retries=3)
        add_delays(vendor)
        starts = _starter(alternative, who, ids)
        if who.startswith("Celery"):
            alternative.enqueue(ids)
        alternatives[who] = (alternative, [starts(), starts()], starts)
    for alternative, _, _ in alternatives.values():
        until(partial(vendor_log.arrivals, alternative.vendor, "action"), FIRST_CALL_SECONDS)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pause = min(9.0, max(0.0, end - time.monotonic()))
        time.sleep(pause)
        if pause == 9.0:
            for _, processes, starts in alternatives.values():
                replace(installation, processes, starts)
    return [
        _line(who, alternative.vendor, seconds) for who, (alternative, _, _) in alternatives.items()
    ]


def _starter(alternative: Alternative, who: str, ids: list[str]) -> Callable[[], Process]:
    if who.startswith("Celery"):
        calls, window = LIMIT
        return lambda: alternative.worker(rate=f"{calls * 60 / window:g}/m")
    folder = alternative.installation.folder
    kind = "fixed" if "fixed" in who else "ratelimiter"
    halves = [folder / f"{kind}-{number}.txt" for number in range(2)]
    for number, path in enumerate(halves):
        path.write_text("\n".join(ids[number::2]))
    turns = iter(range(10_000))

    def start() -> Process:
        path = halves[next(turns) % 2]
        return alternative.script(kind, path, path.with_suffix(".done"))

    return start


def add_delays(vendor: Simulator) -> None:
    """Delay calls and answers, each by a random time."""
    vendor.fault("late", times=None, api=None, seconds=0.0, jitter=MAX_DELAY)
    vendor.fault("slow", times=None, api=None, seconds=0.0, jitter=MAX_DELAY)


def run_with_kills(
    installation: Installation,
    processes: list[Process],
    start: Callable[[], Process],
    seconds: float,
    rng: random.Random,
    also: Callable[[], None],
) -> None:
    """For `seconds`: kill and replace a process every 9 s, and call `also` every 1 to 4 s."""
    end = time.monotonic() + seconds
    kill_at, submit_at = time.monotonic() + 9.0, time.monotonic() + 4.0
    while (now := time.monotonic()) < end:
        if now > kill_at and now < end - 4.0:
            kill_at += 9.0
            replace(installation, processes, start)
        if now > submit_at:
            submit_at += rng.uniform(1.0, 4.0)
            also()
        time.sleep(0.05)


def replace(
    installation: Installation, processes: list[Process], start: Callable[[], Process]
) -> None:
    """Kill one of the processes, and start another like it."""
    # The oldest first, so that two scripts with a list each are killed in turn.
    installation.kill(processes.pop(0))
    processes.append(start())


def _line(who: str, vendor: Simulator, seconds: float) -> Line:
    times = vendor_log.arrivals(vendor, "action")
    worst = vendor_log.worst_window(times, LIMIT[1]) if times else 0
    text = f"{worst} ({len(times)} calls in {seconds:.0f} s; {vendor_log.refused(vendor)} refused)"
    return Line(who, text, worst)
