"""How long the first, second and third person of one minute wait while a job of 5,000 runs."""

import random
import time
from functools import partial

from django.conf import settings

from actions.action_requests import controls
from actions.simulator import Simulator
from tests.bench import setup
from tests.bench.installation import Installation, until
from tests.bench.result import Line, duration, spread
from tests.bench.virtual import World, unsynced_database

SEED = 8
FIRST, APART = 6.0, 3.0
"""Seconds from the submit of the job to the first person, and between two persons."""

THIRD = 1.9
"""Bound of the third person's wait in seconds where the job began on a free minute."""

KINDS = ("unexempt", "ignore", "unignore")
PLACES = ("1st", "2nd", "3rd")


def real(*, quick: bool) -> list[Line]:
    """From the submit of each of three one-device requests to its arrival, 6, 9 and 12 s in.

    In real time, with a real worker, Redis and ticker. Nine tries (three when quick): all slots
    are free, a job of 5,000 devices is submitted, then three people ask 3 s apart, each for another
    kind so that none shares a call. With time ÷ 10, and, unless quick, at the real limit too.
    """
    lines = _real_tries(3 if quick else 9, 10.0)
    return lines if quick else lines + _real_tries(9, 1.0)


def _real_tries(tries: int, faster: float) -> list[Line]:
    limit = (10, 60.0 / faster)
    with Installation() as installation:
        installation.redis()
        vendor = installation.vendor(limit)
        installation.configure(ENGINE_VERIFY_AFTER=0, ENGINE_URGENT_WAIT=10.0 / faster)
        installation.worker()
        installation.ticker()
        setup.warm_up(vendor)
        rounds = []
        for number in range(tries):
            time.sleep(limit[1] + 1.5)  # All slots become free.
            rounds.append(_round(vendor, number, faster))
        refused = sum(call.status == 429 for call in vendor.received)
    return _lines(rounds, f"10 in {limit[1]:g} s", refused, max(1.0, THIRD / faster))


def _round(vendor: Simulator, number: int, faster: float) -> list[float]:
    """Return the waits of the three people of one try, in seconds."""
    job = setup.submit(setup.names(f"t{number}-", 5_000), "exempt", hours="8")
    asked_at: dict[str, float] = {}
    begin = time.monotonic()
    for place, kind in enumerate(KINDS):
        until(partial(_passed, begin + (FIRST + APART * place) / faster), 60, pause=0.005)
        name = f"person-{number}-{place}"
        vendor.add_device(device_id=name)
        asked_at[name] = time.monotonic()
        setup.submit([name], kind)
    until(lambda: asked_at.keys() <= _arrivals(vendor).keys(), 120)
    found = _arrivals(vendor)
    controls.cancel(job, setup.operator())
    return [found[name] - at for name, at in asked_at.items()]


def _passed(at: float) -> bool:
    return time.monotonic() >= at


def _arrivals(vendor: Simulator) -> dict[str, float]:
    """Return when the devices of single calls arrived at the vendor."""
    found: dict[str, float] = {}
    for call in list(vendor.received):
        ids = (call.body or {}).get("ids")
        if isinstance(ids, list) and len(ids) == 1:
            found.setdefault(str(ids[0]), call.at)
    return found


def virtual(*, quick: bool) -> list[Line]:
    """The same in virtual time with a job that never ends: three people a minute, for long.

    At the limit of 10 calls in 60 s: the real claims and settling on SQLite. 60 minutes (15 when
    quick); in each, three people ask 3 s apart, the first at a random moment. In the long run the
    job's calls come at the pace of the limit, so that a slot is free about each 6 s. Seed 8.
    """
    minutes = 15 if quick else 60
    with Installation() as installation, unsynced_database():
        installation.configure(ENGINE_VERIFY_AFTER=0)
        world = World(SEED)
        rng = random.Random(SEED)
        asked_at: dict[str, float] = {}

        def job(number: int) -> None:
            setup.submit(setup.names(f"j{number}-", 5_000), "exempt", hours="8")
            world.wake()

        def person(minute: int, place: int) -> None:
            name = f"person-{minute}-{place}"
            asked_at[name] = world.now
            setup.submit([name], "exempt", hours=str(100 + 3 * minute + place))
            world.wake()

        for number in range(minutes // 8 + 2):
            world.schedule(number * 480.0, partial(job, number))
        for minute in range(minutes):
            base = 120.0 + 60.0 * minute + rng.uniform(0, 54)
            for place in range(3):
                world.schedule(base + APART * place, partial(person, minute, place))
        end = 120.0 + 60.0 * minutes + 120.0
        world.run(until=lambda: world.now > end)
        found = {name: call.at for call in world.arrivals for name in call.targets}
        refused = sum(not call.allowed for call in world.arrivals)
    rounds = [
        [
            found[f"person-{minute}-{place}"] - asked_at[f"person-{minute}-{place}"]
            for place in range(3)
        ]
        for minute in range(minutes)
    ]
    return _lines(rounds, "a job without end", refused, 3 * settings.ENGINE_URGENT_WAIT + 1.0)


def _lines(rounds: list[list[float]], how: str, refused: int, bound: float) -> list[Line]:
    """Return a line for each of the three; the bound is that of the third."""
    lines = []
    for place, name in enumerate(PLACES):
        took = spread([each[place] for each in rounds])
        last = place == len(PLACES) - 1
        lines.append(
            Line(
                f"{name} person, {how}",
                f"{took}; {refused} refused",
                took.longest,
                f"≤ {duration(bound)}" if last else "",
                took.longest <= bound if last else None,
            )
        )
    return lines
