"""Rare races, each found by a long run of the model."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.utils.timezone import now

from actions.action_requests import controls, queue
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.action_requests.submit import submit_action
from actions.dispatch import claims, sweeper
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane
from tests.factories import know_devices, make_request, make_submission, statuses
from tests.model.vendor import ModelVendor, Trip, worst_window
from tests.model.world import World

NAMES = [f"d{number}" for number in range(30)]


@pytest.fixture
def world(operator, virtual_time, settings) -> World:
    """A vendor without random faults, and an engine that has a token and a closed breaker."""
    settings.ENGINE_VERIFY_AFTER = 0
    chance = Random(1)
    world = World(virtual_time, ModelVendor(chance, NAMES, slow=0.0), chance)
    know_devices(*NAMES)
    make_request(operator, NAMES[-1], kind="dhcprenew")
    world.run(70)
    return world


def go(world: World, fate: str = "answer", ends: float = 0.2) -> claims.Claim:
    """Claim as a free process, and send the call with this fate."""
    memory = world.free.pop(0)
    taken = world.claim_as(memory)
    assert isinstance(taken, claims.Claim)
    world.send(taken, memory, Trip(fate, 0.1 if ends < 60 else ends + 4, ends))
    return taken


def test_a_resumed_older_request_waits_for_the_open_call_of_its_device(operator, world):
    first = make_request(operator, "d1", kind="exempt")
    controls.pause(first, operator)
    world.note_held()
    second = make_request(operator, "d1", kind="unexempt")
    go(world)

    controls.resume(first, operator)
    assert world.claim_as([]) is None
    world.run(70)

    assert statuses(first) == statuses(second) == {"d1": S.ACCEPTED}


def test_a_late_success_does_not_close_the_circuit_breaker(operator, world):
    make_request(operator, "d1", kind="exempt")
    slow = go(world, ends=2.0)
    make_request(operator, "d2", kind="unexempt")
    world.vendor.retry_afters = (20.0,)
    go(world, "throttled", ends=0.2)
    world.dispatching = False

    world.run(3)

    slow.call.refresh_from_db()
    assert slow.call.http_status == 200
    account = VendorAccount.objects.get()
    assert account.half_open
    assert account.open_until


@pytest.mark.parametrize("seconds", [3600.0, 120.0, 1.0])
def test_a_clock_set_forwards_does_not_exceed_the_limit(operator, world, seconds):
    for number, name in enumerate(NAMES[:24]):
        make_request(operator, name, kind=["exempt", "unexempt", "delete", "ignore"][number % 4])
    go(world, "too_late", ends=65)
    world.run(5)

    world.time.step(seconds)
    world.run(600)

    assert worst_window(world.vendor.arrivals) <= 10
    assert not DeviceCommand.objects.filter(status=S.QUEUED).exists()


@pytest.mark.parametrize("seconds", [3600.0, 100 * 86_400.0])
def test_a_clock_set_backwards_stops_the_engine_for_minutes_only(operator, world, seconds):
    first = make_request(operator, *NAMES[:20], kind="delete")
    sync, _ = start_sync(operator)
    go(world, "throttled")
    world.run(0.5)

    world.sweep_repeatedly()
    world.time.step(-seconds)
    world.run(400)

    assert S.QUEUED not in statuses(first).values()
    assert not InventorySync.objects.get(pk=sync.pk).running
    assert worst_window(world.vendor.arrivals) <= 10


def test_an_equal_request_is_sent_soon_after_the_clock_was_set_back(operator, world):
    make_request(operator, "d1", kind="unexempt")
    go(world)
    world.run(1)
    world.time.step(-3600)
    world.run(100)

    alike = make_request(operator, "d2", kind="unexempt")
    world.run(30)

    assert statuses(alike) == {"d2": S.ACCEPTED}


def test_a_clock_set_backwards_does_not_starve_a_lane(operator, world):
    start_sync(operator)
    go(world)
    world.run(1)
    assert world.sends[-1][1] == Lane.INVENTORY
    world.time.step(-3600)
    for hours in range(1, 60):
        some = NAMES[6 * (hours % 5) :][:6]
        make_request(operator, *some, kind="exempt", hours=str(hours))
    InventorySync.objects.update(stage="devices", cursor="", running=True, due_at=now())
    before = len(world.sends)

    world.run(250)

    lanes = [lane for _, lane, _ in world.sends[before:]]
    assert lanes.count(Lane.NORMAL) > 2 * lanes.count(Lane.INVENTORY) > 0


def test_a_lost_token_call_blocks_nothing_after_the_clock_was_set_back(operator, world):
    world.sweep_repeatedly()
    VendorAccount.objects.update(token_encrypted="", token_expires_at=None)
    make_request(operator, "d1", kind="unexempt")
    world.send(world.claim_as(world.free.pop()), [], Trip("dies_before", None, None))
    world.run(300)
    assert VendorCall.objects.filter(api="token", state=CallState.LOST).exists()

    VendorAccount.objects.update(token_encrypted="", token_expires_at=None)
    world.time.step(-3600)
    later = make_request(operator, "d2", kind="unexempt")
    world.run(200)

    assert statuses(later) == {"d2": S.ACCEPTED}


def test_a_clock_set_forwards_does_not_end_an_open_call(operator, world):
    action_request = make_request(operator, "d1", kind="unexempt")
    taken = go(world, "too_late", ends=65)
    world.time.step(3600)
    world.claim_as(world.free[0])

    sweeper.sweep()

    assert statuses(action_request) == {"d1": S.SENDING}
    taken.call.refresh_from_db()
    assert taken.call.state == CallState.SENDING


@pytest.mark.parametrize(
    "steps", [(-90, 90), (90, -90), (-3600, 3600), (3600, -3600), (-90,), (90,)]
)
def test_own_calls_are_not_foreign_after_the_clock_was_set_during_a_call(operator, world, steps):
    for hours, name in enumerate(NAMES[:4], start=1):
        make_request(operator, name, kind="exempt", hours=str(hours))
    world.run(5)
    make_request(operator, "d9", kind="unexempt")
    go(world, ends=1.0)

    for seconds in steps:
        world.time.step(seconds)
        world.run(0.01)
        world.claim_as(world.free[0])  # Another process detects it.
    world.run(100)

    assert statuses(DeviceCommand.objects.get(target="d9").request) == {"d9": S.ACCEPTED}
    assert not VendorCall.objects.filter(state=CallState.FOREIGN).exists()


def test_cancelling_a_command_that_may_have_taken_effect_leaves_it_unconfirmed(operator, world):
    action_request = make_request(operator, "d1", kind="unexempt")
    go(world, "cut_after")
    controls.cancel(action_request, operator)

    world.run(5)

    assert statuses(action_request) == {"d1": S.UNCONFIRMED}


def test_pausing_a_command_that_may_have_taken_effect_leaves_it_unconfirmed(operator, world):
    action_request = make_request(operator, "d1", kind="unexempt")
    go(world, "cut_after")
    controls.pause(action_request, operator)

    world.run(5)

    assert statuses(action_request) == {"d1": S.UNCONFIRMED}


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_command_queued_for_a_repeat_ends_unconfirmed_and_not(operator, world, end):
    """An earlier call had no answer and may have taken effect."""
    late = now() + timedelta(seconds=60)
    action_request = submit_action(make_submission("d1", give_up_at=late), operator)
    go(world, "cut_after")
    world.dispatching = False
    world.run(3)
    assert statuses(action_request) == {"d1": S.QUEUED}

    if end == "cancelled":
        assert controls.cancel(action_request, operator) == 0
    else:
        world.run(60)
        sweeper.sweep()

    assert statuses(action_request) == {"d1": S.UNCONFIRMED}


def test_a_late_throttled_answer_does_not_requeue_an_overtaken_command(operator, world):
    first = make_request(operator, "d1", kind="exempt")
    taken = go(world, "throttled")
    VendorCall.objects.filter(pk=taken.call.pk).update(lease_until=now() - timedelta(seconds=1))
    sweeper.sweep()
    assert statuses(first) == {"d1": S.UNCONFIRMED}
    second = make_request(operator, "d1", kind="unexempt")
    go(world)

    world.run(200)

    assert statuses(second) == {"d1": S.ACCEPTED}
    assert statuses(first) == {"d1": S.FAILED}


def test_an_expired_command_is_not_coalesced_into_a_call(operator, world):
    controls.freeze(operator, frozen=True, reason="So that both wait.")
    soon = now() + timedelta(seconds=5)
    first = make_request(operator, "d1", kind="unexempt")
    second = submit_action(make_submission("d1", give_up_at=soon), operator)
    world.run(10)
    controls.freeze(operator, frozen=False, reason="So that one goes.")

    world.run(5)
    sweeper.sweep()

    assert statuses(first) == {"d1": S.ACCEPTED}
    assert statuses(second) == {"d1": S.EXPIRED}


class TestReadBack:
    @pytest.fixture
    def world(self, world, settings):
        settings.ENGINE_VERIFY_AFTER = 60
        world.sweep_repeatedly()
        return world

    def test_an_unanswered_command_is_not_accepted_for_an_equal_one(self, operator, world):
        first = make_request(operator, "d1", kind="exempt", hours="8")
        second = make_request(operator, "d1", kind="exempt", hours="24")
        go(world)
        world.dispatching = False
        world.run(2)
        go(world, "cut_before")
        world.dispatching = True

        world.run(900)

        assert statuses(first)["d1"] in (S.ACCEPTED, S.CONFIRMED)
        assert statuses(second) == {"d1": S.UNCONFIRMED}

    def test_an_unanswered_command_does_not_fail_when_a_later_one_undid_it(self, operator, world):
        first = make_request(operator, "d1", kind="exempt", hours="8")
        second = make_request(operator, "d1", kind="unexempt")
        go(world, "cut_after")

        world.run(900)

        assert statuses(first) == {"d1": S.UNCONFIRMED}
        assert statuses(second) == {"d1": S.CONFIRMED}

    def test_an_accepted_command_stays_accepted_when_a_later_one_undid_it(self, operator, world):
        first = make_request(operator, "d1", kind="exempt", hours="8")
        second = make_request(operator, "d1", kind="unexempt")

        world.run(900)

        assert statuses(first) == {"d1": S.ACCEPTED}
        assert statuses(second) == {"d1": S.CONFIRMED}


def test_the_next_command_is_found_by_index_however_many_are_older(operator, world):
    if connection.vendor != "sqlite":
        return  # PostgreSQL plans by statistics; a small table proves nothing.

    plan = queue.due_commands(now()).filter(lane=Lane.BULK).order_by("request_id", "id").explain()

    assert "PRIMARY KEY" not in plan
    assert "SCAN" not in plan.replace("SCALAR", "").replace("SUBQUERY", "")
