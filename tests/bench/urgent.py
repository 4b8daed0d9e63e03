"""How long urgent requests wait while a job of 5,000 devices runs."""

import random
from functools import partial

from django.conf import settings

from tests.bench import setup
from tests.bench.installation import Installation
from tests.bench.result import Line, spread
from tests.bench.virtual import World, unsynced_database

SEED = 4
SLACK = 1.0
"""Longest time of a call here in seconds: wake-up and the way to the vendor."""


def waits(*, quick: bool) -> list[Line]:
    """From the commit of a one-device request to its arrival, while a job of 5,000 runs.

    In virtual time, with the limit of 10 calls in 60 s: the real claims and settling on SQLite,
    calls with random delays, several workers. 100 tries (20 when quick) at random times 40 to
    90 s apart, each with other hours so that none shares a call with another; a new job of
    5,000 follows when one ends, so that there is always a backlog. Seed 4.
    """
    tries, bound = 20 if quick else 100, settings.ENGINE_URGENT_WAIT
    with Installation() as installation, unsynced_database():
        installation.configure(ENGINE_VERIFY_AFTER=0)
        world = World(SEED)
        submitted: dict[str, float] = {}
        times = _random_times(tries)
        jobs = int(times[-1] // 540) + 2

        def job(number: int) -> None:
            setup.submit(setup.names(f"j{number}-", 5_000), "exempt", hours="8")
            world.wake()

        def urgent(number: int) -> None:
            name = f"urgent-{number}"
            submitted[name] = world.now
            setup.submit([name], "exempt", hours=str(100 + number))
            world.wake()

        for number in range(jobs):
            world.schedule(number * 500.0, partial(job, number))
        for number, at in enumerate(times):
            world.schedule(at, partial(urgent, number))
        world.run(until=lambda: world.now > times[-1] + 120)
        found = {name: call.at for call in world.arrivals for name in call.targets}
        if (arrived := len(submitted.keys() & found.keys())) < tries:
            raise AssertionError(f"{tries - arrived} urgent requests never arrived")
        took = spread([found[name] - at for name, at in submitted.items()])
        refused = sum(not call.allowed for call in world.arrivals)
    return [
        Line(
            "this engine",
            f"{took}; {len(world.arrivals)} calls, {refused} refused",
            took.p95,
            f"≤ {bound:g} s + a call",
            took.longest <= bound + SLACK,
        )
    ]


def _random_times(count: int) -> list[float]:
    """Return so many times, in seconds, 40 to 90 s apart."""
    rng = random.Random(SEED)
    times = [120.0]
    while len(times) < count:
        times.append(times[-1] + rng.uniform(40, 90))
    return times
