"""Simulated users in virtual time: they submit, control and refresh at random."""

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
from actions.errors import Refused
from actions.inventory import refresh
from actions.inventory.models import Device
from actions.inventory.sync import start_due, start_sync
from tests.factories import make_submission
from tests.model.vendor import GROUPS, mac_of
from tests.model.world import World, none_if_refused

S = CommandStatus

SIZES = ((0.70, 1, 5), (0.92, 6, 60), (0.98, 61, 300), (1.0, 501, 2000))
"""Sizes of requests in devices: the cumulative share of requests, the minimum and the maximum."""

RESUME_AT = 20
"""Users submit again when at most so many commands are queued."""


class People:
    """Users who act at random intervals; many requests name one of the `contended` devices.

    They request more than the rate limit allows, so the queue grows. When more than `max_queued`
    commands are queued, they submit nothing until at most RESUME_AT are left, so the queue drains.
    `deepest` is the longest queue seen, `drained` how often it drained.
    """

    def __init__(
        self,
        world: World,
        actor: Actor,
        names: Sequence[str],
        chance: Random,
        *,
        contended: int = 5,
        max_queued: int = 1500,
    ) -> None:
        self.world, self.actor, self.chance = world, actor, chance
        self.names, self.contended = list(names), list(names)[:contended]
        self.fleet, self.max_queued = len(names), max_queued
        self.action_requests: list[int] = []
        self.end = float("inf")
        self.deepest = self.drained = 0
        self._waits_for_drain = False

    def live_until(self, end: float, *, asks: float, controls: float, reads: float) -> None:
        """Act until `end`; the other arguments are the mean seconds between two actions."""
        self.end = end
        for event, pause in (
            (self.ask, asks),
            (self.control_a_request, controls),
            (self.read_inventory, reads),
            (self.refresh_a_device, 3 * asks),
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
        """Submit a random action for one to two thousand devices."""
        if self._queue_is_long():
            return
        chance = self.chance
        draw = chance.random()
        low, high = next((low, high) for share, low, high in SIZES if draw <= share)
        count = min(len(self.names), chance.randint(low, high))
        targets = dict.fromkeys(chance.sample(self.names, count))
        targets |= dict.fromkeys(chance.sample(self.contended, min(2, len(self.contended))))
        self.submit(chance.choice(list(KINDS)), list(targets))

    def _queue_is_long(self) -> bool:
        queued = DeviceCommand.objects.filter(status=S.QUEUED).count()
        self.deepest = max(self.deepest, queued)
        if self._waits_for_drain and queued <= RESUME_AT:
            self.drained += 1
        self._waits_for_drain = queued > (RESUME_AT if self._waits_for_drain else self.max_queued)
        return self._waits_for_drain

    def submit(self, kind: str, targets: list[str]) -> None:
        """Submit an action, sometimes by MAC, with a start or with an expiry."""
        chance, wall = self.chance, self.world.time.wall
        fields: dict[str, Any] = {"allow_unlisted": True}
        if kind == "exempt":
            fields["hours"] = chance.choice(["8", "24"])
        if kind == "assign_to_group":
            fields["group_id"] = chance.choice(list(GROUPS))
        if chance.random() < 0.1:
            fields["start_at"] = wall + timedelta(seconds=chance.uniform(1, 300))
        if chance.random() < 0.1:
            fields["give_up_at"] = wall + timedelta(seconds=chance.uniform(1, 600))
        if chance.random() < 0.1:
            fields |= {"addressing": "macs"}
            targets = [mac_of(name) for name in targets]
        submission = make_submission(*targets, kind=kind, **fields)
        action_request = none_if_refused(lambda: submit_action(submission, self.actor), Refused)
        if action_request is not None:
            self.action_requests.append(action_request.pk)
        self.world.note_held()

    def control_a_request(self) -> None:
        """Cancel, pause, resume, retry or undo a recent request, or freeze all sending."""
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
                    none_if_refused(
                        lambda: control.retry(action_request, actor, statuses=asked, reason="5"),
                        Refused,
                    )
                )
            case 6:
                self._linked(
                    none_if_refused(
                        lambda: control.undo(action_request, actor, hours="4", reason="6"),
                        Refused,
                    )
                )
            case 7:
                self._freeze_all()
        self.world.note_held()

    def _freeze_all(self) -> None:
        """Freeze all sending, and resume it some minutes later."""
        control.freeze(self.actor, frozen=True, reason="A person says so.")
        self.world.after(self.chance.expovariate(1 / 120), self._resume_sending)

    def _resume_sending(self) -> None:
        control.freeze(self.actor, frozen=False, reason="All is well again.")
        self.world.dispatch()

    def _linked(self, result: control.ControlResult | None) -> None:
        for action_request in result.requests if result else ():
            if action_request.pk not in self.action_requests:
                self.action_requests.append(action_request.pk)

    def read_inventory(self) -> None:
        """Start a full read."""
        start_sync(self.actor)

    def refresh_a_device(self) -> None:
        """Request a refresh of a device, which may be gone."""
        device = Device.objects.get(vendor_id=self.chance.choice(self.names))
        refresh.refresh(device, self.actor)

    def keep_inventory(self) -> None:
        """Start the reads that are due, as the ticker does."""
        start_due()

    def enroll(self) -> None:
        """Replace deleted devices with new ones; use our inventory's devices from now on."""
        self.world.vendor.enroll(self.fleet)
        self.names = list(
            Device.objects.filter(gone_at=None)
            .order_by("vendor_id")
            .values_list("vendor_id", flat=True)
        )
        self.contended = self.names[: len(self.contended)]

    def resume_all(self) -> None:
        """End the freeze and resume all paused requests."""
        control.freeze(self.actor, frozen=False, reason="All is well again.")
        for action_request in ActionRequest.objects.filter(paused=True):
            control.resume(action_request, self.actor)
