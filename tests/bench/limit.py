"""The number of calls in any window, under delays and killed processes."""

import random
import time
from collections.abc import Callable
from functools import partial

from actions.inventory.sync import start_sync
from actions.simulator import Simulator
from tests.bench import crew, judge
from tests.bench.result import Line
from tests.bench.rivals import Rival
from tests.bench.stage import Process, Stage, until

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
    with Stage() as stage:
        stage.redis()
        lines = [_ours(stage, seconds)]
    with Stage() as stage:
        stage.redis()
        return lines + _rivals(stage, 14.0 if quick else 20.0)


def _ours(stage: Stage, seconds: float) -> Line:
    vendor = stage.vendor(LIMIT, devices=2_000)
    stage.configure(
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
    stage.beat()
    workers = [stage.worker(), stage.worker()]
    for kind, first in (("unexempt", 0), ("ignore", 600), ("dhcprenew", 1_200)):
        crew.submit(ids[first : first + 600], kind)
    start_sync(crew.operator())
    until(lambda: len(vendor.received) > 1, FIRST_CALL_SECONDS)

    def submit_something() -> None:
        crew.submit([rng.choice(ids)], "exempt", hours=str(rng.randint(1, 60_000)))

    run_with_kills(stage, workers, stage.worker, seconds, rng, also=submit_something)
    times = judge.arrivals(vendor)
    worst = judge.worst_window(times, LIMIT[1])
    apis = sorted({call.api for call in vendor.received})
    refused = judge.refused(vendor)
    if worst < LIMIT[0]:
        raise AssertionError(f"{len(times)} calls were too few to test the limit")
    return Line(
        "this engine, 2 workers",
        f"{worst} ({len(times)} calls in {seconds:.0f} s to {', '.join(apis)}; {refused} refused)",
        worst,
        f"≤ {LIMIT[0]}",
        worst <= LIMIT[0] and not refused,
    )


def _rivals(stage: Stage, seconds: float) -> list[Line]:
    ids = crew.names("x", DEVICES)
    rivals: dict[str, tuple[Rival, list[Process], Callable[[], Process]]] = {}
    for who in ("Celery rate_limit, 2 workers", "a fixed window in Redis", "requests-ratelimiter"):
        vendor = stage.vendor(LIMIT, token_counts=False)
        crew.add_to_vendor(vendor, ids)
        rival = Rival(stage, vendor, LIMIT, "dhcprenew", retries=3)
        add_delays(vendor)
        starts = _starter(rival, who, ids)
        if who.startswith("Celery"):
            rival.enqueue(ids)
        rivals[who] = (rival, [starts(), starts()], starts)
    for rival, _, _ in rivals.values():
        until(partial(judge.arrivals, rival.vendor, "action"), FIRST_CALL_SECONDS)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pause = min(9.0, max(0.0, end - time.monotonic()))
        time.sleep(pause)
        if pause == 9.0:
            for _, processes, starts in rivals.values():
                replace(stage, processes, starts)
    return [_line(who, rival.vendor, seconds) for who, (rival, _, _) in rivals.items()]


def _starter(rival: Rival, who: str, ids: list[str]) -> Callable[[], Process]:
    if who.startswith("Celery"):
        calls, window = LIMIT
        return lambda: rival.worker(rate=f"{calls * 60 / window:g}/m")
    folder = rival.stage.folder
    kind = "fixed" if "fixed" in who else "ratelimiter"
    halves = [folder / f"{kind}-{number}.txt" for number in range(2)]
    for number, path in enumerate(halves):
        path.write_text("\n".join(ids[number::2]))
    turns = iter(range(10_000))

    def start() -> Process:
        path = halves[next(turns) % 2]
        return rival.script(kind, path, path.with_suffix(".done"))

    return start


def add_delays(vendor: Simulator) -> None:
    """Delay calls and answers, each by a random time."""
    vendor.fault("late", times=None, api=None, seconds=0.0, jitter=MAX_DELAY)
    vendor.fault("slow", times=None, api=None, seconds=0.0, jitter=MAX_DELAY)


def run_with_kills(
    stage: Stage,
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
            replace(stage, processes, start)
        if now > submit_at:
            submit_at += rng.uniform(1.0, 4.0)
            also()
        time.sleep(0.05)


def replace(stage: Stage, processes: list[Process], start: Callable[[], Process]) -> None:
    """Kill one of the processes, and start another like it."""
    # The oldest first, so that two scripts with a list each are killed in turn.
    stage.kill(processes.pop(0))
    processes.append(start())


def _line(who: str, vendor: Simulator, seconds: float) -> Line:
    times = judge.arrivals(vendor, "action")
    worst = judge.worst_window(times, LIMIT[1]) if times else 0
    text = f"{worst} ({len(times)} calls in {seconds:.0f} s; {judge.refused(vendor)} refused)"
    return Line(who, text, worst)
