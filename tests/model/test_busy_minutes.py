"""A rate limit in full use: no slot is wasted and urgent requests start in time."""

from random import Random

import pytest

from actions.action_requests.models import DeviceCommand
from actions.inventory.sync import start_sync
from actions.ratelimit.states import Lane
from tests.factories import know_devices, make_request
from tests.model.vendor import ModelVendor, worst_window
from tests.model.world import World

FLEET = [f"d{number:04}" for number in range(2000)]
MINUTES = 5

ASKED_BY_MANY, LEFT_ALONE = FLEET[1000:1600], FLEET[200:900]
"""Devices of bulk requests, and devices without an older request that must go first."""


@pytest.fixture
def world(operator, virtual_time, settings) -> World:
    """A vendor without faults, and an engine that has a token and a closed breaker."""
    settings.ENGINE_VERIFY_AFTER = 60
    chance = Random(3)
    world = World(virtual_time, ModelVendor(chance, FLEET, slow=0.0), chance)
    know_devices(*FLEET)
    make_request(operator, FLEET[-1], kind="dhcprenew")
    world.run(70)
    return world


@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_equal_requests_within_a_minute_cost_five_calls(
    operator, world, settings, seed
):
    settings.ENGINE_VERIFY_AFTER = 0
    chance = Random(seed)
    before = len(world.sends)

    def ask(name: str) -> None:
        make_request(operator, name, kind="unexempt")
        world.dispatch()

    for name in FLEET[:200]:
        world.after(chance.uniform(0, 60), lambda name=name: ask(name))
    world.run(120)

    assert len(world.sends) - before <= 5
    assert sum(world.vendor.applied["unexempt", name] for name in FLEET[:200]) == 200


def test_busy_lanes_use_every_slot_and_do_not_delay_urgent_requests(operator, world):
    chance = Random(4)
    begin = world.time.elapsed
    asked: dict[int, float] = {}

    def urgent() -> None:
        hours = str(1000 + len(asked))  # Different hours, so that no two requests share a call.
        request = make_request(operator, chance.choice(LEFT_ALONE), kind="exempt", hours=hours)
        asked[request.pk] = world.time.elapsed
        world.dispatch()
        world.after(chance.uniform(20, 60), urgent)

    def keep_busy(number: int = 0) -> None:
        start_sync(operator)
        make_request(operator, *FLEET[:150], kind="exempt", hours=str(1 + number))
        make_request(operator, *ASKED_BY_MANY, kind="exempt", hours=str(500 + number))
        world.dispatch()
        world.after(60, lambda: keep_busy(number + 1))

    keep_busy()
    urgent()
    world.run(60 * MINUTES)

    arrivals = [at for at in world.vendor.arrivals if at > begin]
    sent = {row.request_id: row.call.claimed_at for row in urgent_rows(asked)}
    waits = [
        (sent[pk] - world.time.wall).total_seconds() + world.time.elapsed - at
        for pk, at in asked.items()
        if pk in sent
    ]
    lanes = {lane for _, lane, _ in world.sends}
    assert lanes >= {Lane.URGENT, Lane.NORMAL, Lane.BULK, Lane.INVENTORY}
    assert len(arrivals) / MINUTES >= 9.5
    assert worst_window(world.vendor.arrivals) <= 10
    assert len(waits) >= len(asked) - 1 >= MINUTES
    assert max(waits) <= 10.0 + 1.0


def urgent_rows(asked):
    return DeviceCommand.objects.filter(request__in=asked, call__isnull=False).select_related(
        "call"
    )
