"""The engine and a reference model agree after any sequence of actions."""

import os
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actions.action_requests import controls
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.action_requests.submit import submit_action
from actions.actor import Actor
from actions.audit.verify import verify
from actions.dispatch.claims import Claim
from actions.errors import Refused
from actions.inventory import refresh
from actions.inventory.models import Device, DeviceGroup
from actions.inventory.refresh import DetailRead
from actions.inventory.store import store_records
from actions.inventory.sync import start_due, start_sync
from actions.opswat.client import Answer
from actions.opswat.errors import Rejected, RetryLater, Unauthorized, VendorError
from actions.opswat.payloads import ActionCall, ActionResult
from tests.factories import make_submission
from tests.model.clock import VirtualTime
from tests.model.facts import check_all
from tests.model.reference import Reference
from tests.model.vendor import GIVES_UP, GROUPS, ModelVendor, asked_of, without_answer
from tests.model.world import Memory, World, record

S = CommandStatus
NAMES = ("d1", "d2", "d3")
LIMIT = 4
MAX_WAIT = 70.0
KINDS = st.sampled_from(["exempt", "unexempt", "delete", "assign_to_group", "dhcprenew"])
FATES = st.sampled_from(
    ["answer"] * 6 + ["silent", "throttled", "unreachable", "unauthorized", "not_found"]
    + ["cut_before", "cut_after"]
)  # fmt: skip
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "12"))


class OpenCall:
    """An open call, and the memory of the process that waits for its answer."""

    def __init__(self, taken: Claim, memory: Memory, began: float) -> None:
        self.taken, self.memory, self.began = taken, memory, began
        self.asked = asked_of(taken)
        self.reply: Answer[Any] | VendorError | None = None


class EngineMachine(RuleBasedStateMachine):
    """The engine with three processes, a vendor of three devices, and users who do anything."""

    actor: Actor
    time: VirtualTime
    model: Reference
    open_calls: list[OpenCall]

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example._from_testcase = True  # type: ignore[attr-defined]  # As in Django's TestCase: durable blocks may begin.
        self.example.__enter__()
        self.time.begin()
        vendor = ModelVendor(Random(0), NAMES)
        vendor.mixed, vendor.poison = 0.2, {"d3"}
        vendor.limit = LIMIT
        self.world = World(self.time, vendor, vendor.chance)
        self.world.free = [[], [], []]
        self.model, self.open_calls = Reference(), []
        DeviceGroup.objects.create(vendor_id="g2", name=GROUPS["g2"], read_at=self.time.wall)
        store_records([vendor.record(name) for name in NAMES])
        # Begin with a token and a closed breaker; other tests cover the start.
        self.submit(kind="dhcprenew", names=["d1"], start=None, give_up=None)
        for _ in range(2):
            self.call("answer")

    def teardown(self) -> None:
        try:
            assert verify().findings == []
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    @rule(
        kind=KINDS,
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
        start=st.sampled_from([None, None, None, 30]),
        give_up=st.sampled_from([None, None, None, 45]),
    )
    def submit(self, kind: str, names: list[str], start: int | None, give_up: int | None) -> None:
        submission = make_submission(
            *names,
            kind=kind,
            group_id="g2" if kind == "assign_to_group" else None,
            start_at=self.time.wall + timedelta(seconds=start) if start else None,
            give_up_at=self.time.wall + timedelta(seconds=give_up) if give_up else None,
            allow_unlisted=True,
        )
        self.model.submitted(submit_action(submission, self.actor))
        self.world.note_held()

    @rule(name=st.sampled_from(NAMES))
    def request_refresh(self, name: str) -> None:
        """A user requests a refresh of a device."""
        refresh.refresh(Device.objects.get(vendor_id=name), self.actor)

    @rule(everything=st.booleans())
    def read(self, everything: bool) -> None:
        """Start a full read, or the reads that are due."""
        if everything:
            start_sync(self.actor)
        else:
            start_due()

    @precondition(lambda self: self.world.free)
    @rule()
    def claim(self) -> None:
        """Claim as a free process; let a short wait pass first."""
        for _ in range(3):
            memory = self.world.free.pop()
            self.model.released(self.time.wall)
            taken = self.world.claim_as(memory)
            if isinstance(taken, Claim):
                self._open(taken, memory)
                return
            self.world.free.append(memory)
            if taken is None or taken.seconds > MAX_WAIT:
                return
            self.pass_time(taken.seconds + 0.001)

    def _open(self, taken: Claim, memory: Memory) -> None:
        self.open_calls.append(OpenCall(taken, memory, self.time.elapsed))
        if isinstance(taken.payload, ActionCall):
            keys = [row.pk for row in self.world.sent[taken.call.pk]]
            self.model.claimed(taken.call.pk, keys, self.time.wall)

    @precondition(lambda self: self.world.free)
    @rule(fate=FATES)
    def call(self, fate: str) -> None:
        """Make a call from claim to result without any other step."""
        before = len(self.open_calls)
        self.claim()
        if len(self.open_calls) > before:
            self.finish(before, fate)

    @precondition(lambda self: self.open_calls)
    @rule(which=st.integers(0, 2), fate=FATES)
    def arrive(self, which: int, fate: str) -> None:
        """Deliver an open call to the vendor, unless it is unreachable; keep the reply."""
        opened = self.open_calls[which % len(self.open_calls)]
        if opened.reply is None:
            if fate == "unreachable":
                opened.reply = without_answer(fate)
            else:
                arrived = self.time.elapsed, opened.taken, opened.asked, fate
                opened.reply = self.world.vendor.receive(*arrived)

    @precondition(lambda self: self.open_calls)
    @rule(which=st.integers(0, 2), fate=FATES)
    def finish(self, which: int, fate: str) -> None:
        """Record the result of an open call."""
        self.arrive(which, fate)
        self._close(self.open_calls[which % len(self.open_calls)])

    def _close(self, opened: OpenCall) -> None:
        self.open_calls.remove(opened)
        reply = opened.reply or without_answer("cut_before")
        record(opened.taken, reply)
        self.world.free.append(opened.memory)
        if isinstance(opened.taken.payload, ActionCall):
            self._update_model(opened.taken.call.pk, reply)
        elif isinstance(opened.taken.payload, DetailRead):
            keys = opened.taken.payload.commands
            self.model.read_back({row: status for row, status in self._found() if row in keys})

    def _update_model(self, call: int, reply: Answer[Any] | VendorError) -> None:
        match reply:
            case Answer(value=ActionResult()):
                self.model.answered(call, reply.value)
            case RetryLater() | Unauthorized():
                self.model.not_done(call)
            case Rejected():
                self.model.refused(call, reply.http_status or 0)
            case _:
                self.model.unanswered(call)

    @precondition(lambda self: self.open_calls)
    @rule(which=st.integers(0, 2))
    def die(self, which: int) -> None:
        """Kill a process; the one that replaces it has no memory of the clocks."""
        self.open_calls.pop(which % len(self.open_calls))
        self.world.free.append([])

    @rule()
    def sweep(self) -> None:
        lost = self.world.sweep()
        self.model.expired(self.time.wall)
        for call in lost:
            self.model.unanswered(call)

    @rule(seconds=st.sampled_from([0.5, 6.0, 20.0, 130.0]))
    def pass_time(self, seconds: float) -> None:
        """Advance the time; calls older than GIVES_UP seconds end without an answer."""
        end = self.time.elapsed + seconds
        for opened in sorted(self.open_calls, key=lambda opened: opened.began):
            if opened.began + GIVES_UP < end:
                self.time.move_to(max(self.time.elapsed, opened.began + GIVES_UP))
                self._close(opened)
        self.time.move_to(end)

    @rule(seconds=st.sampled_from([-300.0, 0.3, 55.0, 300.0]))
    def set_the_clock(self, seconds: float) -> None:
        self.time.step(seconds)

    @precondition(lambda self: self.model.rows)
    @rule(
        which=st.integers(0, 9),
        verb=st.sampled_from(["cancel", "cancel_one", "pause", "resume", "retry", "undo"]),
    )
    def change_a_mind(self, which: int, verb: str) -> None:
        action_requests = sorted(self.model.paused) if verb == "resume" else []
        action_requests = action_requests or sorted(
            {row.request_id for row in self.model.rows.values()}
        )
        action_request = ActionRequest.objects.get(pk=action_requests[which % len(action_requests)])
        with suppress(Refused):  # Nothing to retry or to undo.
            getattr(self, f"_{verb}")(action_request)
        self.world.note_held()

    def _cancel(self, action_request: ActionRequest) -> None:
        controls.cancel(action_request, self.actor)
        self.model.cancelled(action_request.pk)

    def _cancel_one(self, action_request: ActionRequest) -> None:
        controls.cancel(action_request, self.actor, [NAMES[0]])
        self.model.cancelled(action_request.pk, [NAMES[0]])

    def _pause(self, action_request: ActionRequest) -> None:
        controls.pause(action_request, self.actor)
        self.model.was_paused(action_request.pk)

    def _resume(self, action_request: ActionRequest) -> None:
        controls.resume(action_request, self.actor)
        self.model.resumed(action_request.pk, self.time.wall, action_request.start_at)

    def _retry(self, action_request: ActionRequest) -> None:
        statuses = [S.FAILED, S.UNCONFIRMED, S.CANCELLED]
        result = controls.retry(action_request, self.actor, statuses=statuses, reason="again")
        self.model.submitted(result.requests[0])

    def _undo(self, action_request: ActionRequest) -> None:
        result = controls.undo(action_request, self.actor, hours="4", reason="back")
        for found in result.requests:
            self.model.submitted(found)

    def _found(self) -> list[tuple[int, CommandStatus]]:
        rows = DeviceCommand.objects.values_list("pk", "status")
        return [(key, CommandStatus(status)) for key, status in rows]

    @invariant()
    def the_engine_and_the_model_agree(self) -> None:
        assert dict(self._found()) == {key: row.status for key, row in self.model.rows.items()}

    @invariant()
    def every_check_holds(self) -> None:
        check_all(self.world)


def test_the_engine_and_the_reference_agree_after_any_sequence_of_actions(
    operator: Actor, virtual_time: VirtualTime, settings: Any
) -> None:
    settings.OPSWAT_RATE_LIMIT = (LIMIT, 60.0)
    settings.INVENTORY_CHANGES_MINUTES = settings.INVENTORY_NEW_MINUTES = 1
    EngineMachine.actor, EngineMachine.time = operator, virtual_time
    run_state_machine_as_test(EngineMachine, settings=SETTINGS)


SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

pytestmark = pytest.mark.django_db
