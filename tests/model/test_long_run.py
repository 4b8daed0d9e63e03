"""Hours of the real engine in virtual time, with everything that can go wrong.

People ask for more than the vendor's minute holds until some 1,500 commands wait; then they ask
for nothing new until these are through (see people.py). So the queue is deep at times and never
endless, and a run of any length settles.
"""

import os
import time
from collections import Counter
from random import Random
from typing import Any

import pytest

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.inventory.models import InventorySync
from tests.model.facts import check_all, check_finished, check_inventory, unfinished
from tests.model.people import People
from tests.model.vendor import ModelVendor, worst_window
from tests.model.world import World

SECONDS = float(os.environ.get("MODEL_SECONDS", "900"))
SEEDS = [int(seed) for seed in os.environ.get("MODEL_SEEDS", "1 2").split()]
FLEET = int(os.environ.get("MODEL_FLEET", "700"))
STEPS = (-3600.0, -90.0, -5.0, -0.6, 0.4, 0.6, 5.0, 59.0, 90.0, 3600.0)


def know_fleet(vendor: ModelVendor) -> list[str]:
    """Our inventory as a full read would leave it; the vendor has every device."""
    from actions.inventory.store import store_records

    names = list(vendor.devices)
    store_records([vendor.record(name) for name in names])
    return names


class ClockTrouble:
    """Sets the wall clock now and then."""

    def __init__(self, world: World, chance: Random, *, every: float) -> None:
        self.world, self.chance, self.every = world, chance, every
        self.on = True
        self._again()

    def _again(self) -> None:
        self.world.after(self.chance.expovariate(1 / self.every), self._step)

    def _step(self) -> None:
        if self.on:
            self.world.time.step(self.chance.choice(STEPS))
            self._again()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_every_promise_is_kept(operator, virtual_time, settings, seed):
    began = time.process_time()
    settings.OPSWAT_MAX_DEVICES = 20
    settings.INVENTORY_CHANGES_MINUTES, settings.INVENTORY_NEW_MINUTES = 2, 3
    settings.INVENTORY_FULL_READ_HOURS, settings.INVENTORY_FRESH_HOURS = 0.1, 0.05
    chance = Random(seed)
    names = [f"d{number:04}" for number in range(FLEET)]
    vendor = ModelVendor(chance, names, trouble=0.12)
    vendor.mixed, vendor.poison = 0.05, set(names[7::400])
    world = World(virtual_time, vendor, chance)
    know_fleet(vendor)
    people = People(world, operator, names, chance)

    world.sweep_for_ever()
    people.read_inventory()
    people.live_until(SECONDS, asks=40, controls=60, reads=900)
    clock = ClockTrouble(world, chance, every=600)
    world.run(SECONDS)
    check_all(world)
    vendor.trouble, clock.on = 0.0, False
    people.let_all_go_on()
    calls = -1
    while unfinished() and calls < len(world.sends):
        calls = len(world.sends)
        world.run(3600)
    check_all(world)
    check_finished()
    for _ in range(2):  # Where more than half seem to be gone, only the second read is believed.
        people.read_inventory()
        world.run(1200, until=lambda: not reads().exists())
    check_inventory(world)
    report(world, people, seed, time.process_time() - began)


def reads() -> Any:
    """The reads of the inventory that run."""
    return InventorySync.objects.filter(running=True)


def report(world: World, people: People, seed: int, cpu: float) -> None:
    """The figures of the run; shown with -s."""
    arrivals = world.vendor.arrivals
    ended = Counter(InventorySync.objects.values_list("kind", "stage"))
    outcomes = Counter(DeviceCommand.objects.values_list("status", flat=True))
    print(
        f"\nseed {seed}: {world.time.elapsed:,.0f} s, {ActionRequest.objects.count()} requests, "
        f"{len(world.sends)} calls, worst window {worst_window(arrivals)}, "
        f"429 without fault {world.vendor.refused}, {len(arrivals) / world.time.elapsed * 60:.2f} "
        f"calls a minute, reads {dict(ended)}, replies {Counter(world.statuses)}, "
        f"outcomes {dict(outcomes)}, {outcomes.total()} commands, deepest queue {people.deepest}, "
        f"drained {people.drained} times, {people.world.vendor.enrolled} devices ever, "
        f"clock set {len(world.time.steps)} times, CPU {cpu:,.0f} s"
    )
