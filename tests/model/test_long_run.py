"""Hours of the real engine in virtual time, with every fault of the model.

Simulated users request more than the rate limit allows until some 1,500 commands are queued, and
then submit nothing until these are sent (see people.py). The queue is therefore bounded, and a run
of any length settles.
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
SEEDS = [int(seed) for seed in os.environ.get("MODEL_SEEDS", "1").split()]
FLEET = int(os.environ.get("MODEL_FLEET", "700"))
STEPS = (-3600.0, -90.0, -5.0, -0.6, 0.4, 0.6, 5.0, 59.0, 90.0, 3600.0)


def know_fleet(vendor: ModelVendor) -> list[str]:
    """Store all of the vendor's devices, as a full read would; return their names."""
    from actions.inventory.store import store_records

    names = list(vendor.devices)
    store_records([vendor.record(name) for name in names])
    return names


class ClockSteps:
    """Sets the wall clock at random, on average `every` seconds."""

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
def test_every_check_holds_in_a_long_run_with_faults(operator, virtual_time, settings, seed):
    began = time.process_time()
    settings.OPSWAT_MAX_DEVICES = 20
    settings.INVENTORY_CHANGES_MINUTES, settings.INVENTORY_NEW_MINUTES = 2, 3
    settings.INVENTORY_FULL_READ_HOURS, settings.INVENTORY_FRESH_HOURS = 0.1, 0.05
    chance = Random(seed)
    names = [f"d{number:04}" for number in range(FLEET)]
    vendor = ModelVendor(chance, names, fault_rate=0.12)
    vendor.mixed, vendor.poison = 0.05, set(names[7::400])
    world = World(virtual_time, vendor, chance)
    know_fleet(vendor)
    people = People(world, operator, names, chance)

    world.sweep_repeatedly()
    people.read_inventory()
    people.live_until(SECONDS, asks=40, controls=60, reads=900)
    clock = ClockSteps(world, chance, every=600)
    world.run(SECONDS)
    check_all(world)
    vendor.fault_rate, clock.on = 0.0, False
    people.resume_all()
    calls = -1
    while unfinished() and calls < len(world.sends):
        calls = len(world.sends)
        world.run(3600)
    check_all(world)
    check_finished()
    for _ in range(2):  # If over half of the devices are missing, only a second read removes them.
        people.read_inventory()
        world.run(1200, until=lambda: not reads().exists())
    check_inventory(world)
    report(world, people, seed, time.process_time() - began)


def reads() -> Any:
    """The running inventory reads."""
    return InventorySync.objects.filter(running=True)


def report(world: World, people: People, seed: int, cpu: float) -> None:
    """Print the figures of the run; pytest shows them with -s."""
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
