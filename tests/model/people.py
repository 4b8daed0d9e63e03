"""People in virtual time: they ask for all kinds of things and change their minds."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from actions.action_requests import controls as control
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import RETRYABLE, CommandStatus
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.catalog import KINDS
from actions.errors import NotAllowed, Refused
from actions.inventory import refresh as looks
from actions.inventory.models import Device
from actions.inventory.sync import start_due, start_sync
from tests.factories import make_submission
from tests.model.vendor import GROUPS, mac_of
from tests.model.world import World, unlucky

S = CommandStatus

SIZES = ((0.70, 1, 5), (0.92, 6, 60), (0.98, 61, 300), (1.0, 501, 2000))
"""Sizes of requests in devices: the cumulative share of requests, the least and the most."""

FEW = 20
"""A queue of so few commands is as good as none."""


class People:
    """`hot` devices are named by many; every so many seconds somebody does something.

    They ask for more than the vendor's minute holds: so the queue grows. When more than `most`
    commands wait they see it, and ask for nothing new until all but a few of them are through:
    so the queue is deep at times, and drains. `deepest` and `drained` tell of that.
    """

    def __init__(
        self,
        world: World,
        actor: Actor,
        names: Sequence[str],
        chance: Random,
        *,
        hot: int = 5,
        most: int = 1500,
    ) -> None:
        self.world, self.actor, self.chance = world, actor, chance
        self.names, self.hot = list(names), list(names)[:hot]
        self.fleet, self.most = len(names), most
        self.action_requests: list[int] = []
        self.end = float("inf")
        self.deepest = self.drained = 0
        self._wait_for_it = False

    def live_until(self, end: float, *, asks: float, controls: float, reads: float) -> None:
        """From now on they do things, on average as many seconds apart as given here."""
        self.end = end
        for event, pause in (
            (self.ask, asks),
            (self.change_their_mind, controls),
            (self.read_inventory, reads),
            (self.look_at_a_device, 3 * asks),
            (self.keep_inventory, 30.0),
            (self.enroll, 300.0),
        ):
            self._again(event, pause)

    def _again(self, event: Any, pause: float) -> None:
        def happen() -> None:
            if self.world.time.elapsed < self.end:
                event()
                self.world.dispatch()
                self._again(event, pause)

        self.world.after(self.chance.expovariate(1 / pause), happen)

    def ask(self) -> None:
        """Somebody submits something for between one and two thousand devices."""
        if self._see_a_long_queue():
            return
        chance = self.chance
        draw = chance.random()
        low, high = next((low, high) for share, low, high in SIZES if draw <= share)
        count = min(len(self.names), chance.randint(low, high))
        targets = dict.fromkeys(chance.sample(self.names, count))
        targets |= dict.fromkeys(chance.sample(self.hot, min(2, len(self.hot))))
        self.submit(chance.choice(list(KINDS)), list(targets))

    def _see_a_long_queue(self) -> bool:
        queued = DeviceCommand.objects.filter(status=S.QUEUED).count()
        self.deepest = max(self.deepest, queued)
        if self._wait_for_it and queued <= FEW:
            self.drained += 1
        self._wait_for_it = queued > (FEW if self._wait_for_it else self.most)
        return self._wait_for_it

    def submit(self, kind: str, targets: list[str]) -> None:
        """Submit it, sometimes by MAC, for later, or to be given up after a while."""
        chance, wall = self.chance, self.world.time.wall
        action_requests: dict[str, Any] = {"allow_unlisted": True}
        if kind == "exempt":
            action_requests["hours"] = chance.choice(["8", "24"])
        if kind == "assign_to_group":
            action_requests["group_id"] = chance.choice(list(GROUPS))
        if chance.random() < 0.1:
            action_requests["start_at"] = wall + timedelta(seconds=chance.uniform(1, 300))
        if chance.random() < 0.1:
            action_requests["give_up_at"] = wall + timedelta(seconds=chance.uniform(1, 600))
        if chance.random() < 0.1:
            action_requests |= {"addressing": "macs"}
            targets = [mac_of(name) for name in targets]
        submission = make_submission(*targets, kind=kind, **action_requests)
        action_request = unlucky(lambda: submit_action(submission, self.actor), Refused)
        if action_request is not None:
            self.action_requests.append(action_request.pk)
        self.world.note_held()

    def change_their_mind(self) -> None:
        """Somebody cancels, pauses, resumes, retries or undoes a recent request, or stops all."""
        if not self.action_requests:
            return
        chance, actor = self.chance, self.actor
        action_request = ActionRequest.objects.get(pk=chance.choice(self.action_requests[-8:]))
        some = chance.sample(list(action_request.commands.values_list("target", flat=True)[:5]), 1)
        asked = chance.sample(list(RETRYABLE), 3)
        match chance.randrange(8):
            case 0:
                control.cancel(action_request, actor)
            case 1:
                control.cancel(action_request, actor, some)
            case 2 | 3:
                control.pause(action_request, actor)
            case 4:
                control.resume(action_request, actor)
            case 5:
                self._linked(
                    unlucky(lambda: control.retry(action_request, actor, statuses=asked), Refused)
                )
            case 6:
                undone = unlucky(
                    lambda: control.undo(action_request, actor, hours="4"), Refused, NotAllowed
                )
                for linked in undone or ():
                    self._linked(linked)
            case 7:
                self._stop_all()
        self.world.note_held()

    def _stop_all(self) -> None:
        """Somebody stops all sending, and lets it go on some minutes later."""
        control.freeze(self.actor, frozen=True, reason="A person says so.")
        self.world.after(self.chance.expovariate(1 / 120), self._let_send)

    def _let_send(self) -> None:
        control.freeze(self.actor, frozen=False, reason="All is well again.")
        self.world.dispatch()

    def _linked(self, action_request: ActionRequest | None) -> None:
        if action_request is not None and action_request.pk not in self.action_requests:
            self.action_requests.append(action_request.pk)

    def read_inventory(self) -> None:
        """Somebody asks for a full read."""
        start_sync(self.actor)

    def look_at_a_device(self) -> None:
        """Somebody waits for fresh data of a device, be it gone or not."""
        device = Device.objects.get(vendor_id=self.chance.choice(self.names))
        looks.refresh(device, self.actor)

    def keep_inventory(self) -> None:
        """As beat does: start the small reads and the sweep when their time has come."""
        start_due()

    def enroll(self) -> None:
        """New devices come where others were deleted; people name those that our list shows."""
        self.world.vendor.enroll(self.fleet)
        self.names = list(
            Device.objects.filter(gone_at=None)
            .order_by("vendor_id")
            .values_list("vendor_id", flat=True)
        )
        self.hot = self.names[: len(self.hot)]

    def let_all_go_on(self) -> None:
        """Nothing is frozen or paused any more."""
        control.freeze(self.actor, frozen=False, reason="All is well again.")
        for action_request in ActionRequest.objects.filter(paused=True):
            control.resume(action_request, self.actor)
