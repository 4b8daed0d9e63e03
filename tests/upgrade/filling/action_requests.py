"""Requests whose commands reach every status, through the services that a person and a worker use.

The large part is settled call by call and partly read back. Small requests then take every other
way: paused, cancelled, expired, retried, undone, lost with their worker, left in a call.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from tests.upgrade.filling import answers
from tests.upgrade.filling.devices import device_mac
from tests.upgrade.filling.old_code import (
    control,
    models,
    outcomes,
    recovery,
    refusals,
    replies,
    states,
    submissions,
    submit,
)
from tests.upgrade.filling.people import Users

REQUESTS = 40
"""The large part's requests: each device is named by several of them where there are few."""

READ_BACK = 500
SMALL = 4
S = states.CommandStatus
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("exempt", {"hours": "24"}),
    ("unexempt", {}),
    ("assign_to_group", {"group_id": "g3"}),
    ("dhcprenew", {}),
    ("exempt", {"forever": True}),
    ("re-identify", {}),
    ("ignore", {}),
    ("unignore", {}),
    ("delete", {}),
)


class Requests:
    """Makes requests of the users for the devices of an inventory."""

    def __init__(self, users: Users, devices: Sequence[str]) -> None:
        self.users, self.devices, self.vendor = users, devices, answers.Vendor()
        self._next = iter(devices)

    def submit(self, kind: str, targets: Sequence[str], actor: Any = None, **given: Any) -> Any:
        """Check and store a request as a form does."""
        given = {"addressing": "ids", "reason": "because of an upgrade – “test”", **given}
        checked = submissions.new_submission(
            kind=kind, version="v3.1", targets=list(targets), **given
        )
        return submit.submit_action(checked, actor or self.users.operator)

    def few(self, kind: str, **given: Any) -> Any:
        """Submit a small request for devices that no other small one names."""
        return self.submit(kind, list(islice(self._next, SMALL)), **given)

    def settle_many(self, commands: int) -> None:
        """Store and settle the large part."""
        each = min(len(self.devices), max(1, commands // REQUESTS))
        for number in range(REQUESTS):
            first = number * each % len(self.devices)
            twice = (*self.devices, *self.devices)
            kind, given = KINDS[number % len(KINDS)]
            ticket = f"CHG-{number:05}" if number % 2 else ""
            self.submit(kind, twice[first : first + each], ticket=ticket, **given)
        self.vendor.settle_all()
        self._read_back()

    def _read_back(self) -> None:
        """Say for a part of the commands what a later read of their devices shows."""
        for old, new in (
            (S.ACCEPTED, S.CONFIRMED),
            (S.ACCEPTED, S.NOT_SEEN),
            (S.UNCONFIRMED, S.ACCEPTED),
            (S.UNCONFIRMED, S.FAILED),
        ):
            rows = models.DeviceCommand.objects.filter(status=old, check_at__isnull=False)
            keys = list(rows.order_by("id").values_list("pk", flat=True))
            keys = keys[: max(1, len(keys) // 4)]
            for first in range(0, len(keys), READ_BACK):
                found = rows.filter(pk__in=keys[first : first + READ_BACK])
                with transaction.atomic():
                    outcomes.confirm(list(found.select_related("request")), old, new)
        # Of these a read has not shown the change yet.
        waiting = models.DeviceCommand.objects.filter(status=S.ACCEPTED, check_at__isnull=False)
        keys = list(waiting.order_by("-id").values_list("pk", flat=True)[:READ_BACK])
        waiting.filter(pk__in=keys).update(checks=1)

    def take_every_way(self) -> None:
        """Make the small requests."""
        self._settle_some()
        self._stop_some()
        self._refuse_some()
        self._lose_some()
        self._leave_some()

    def _settle_some(self) -> None:
        operator, helpdesk = self.users.operator, self.users.helpdesk
        macs = [device_mac(number) for number in range(SMALL)]
        self.submit("exempt", macs, addressing="macs", hours="8")
        self.submit("unexempt", ["not-listed-1", "not-listed-2"], allow_unlisted=True)
        targets = list(islice(self._next, SMALL))
        for actor in (operator, helpdesk):  # The second one's commands share the first one's call.
            self.submit("exempt", targets, actor, hours="72")
        first = self.few("exempt", hours="12", ticket="INC-7")
        self.vendor.settle_all()
        failed = {*control.RETRYABLE} & set(self._statuses(first))
        if failed:
            control.retry(first, operator, statuses=sorted(failed), reason="Again, please.")
        control.undo(self._accepted("exempt"), operator)
        self.vendor.settle_all()

    def _statuses(self, request: Any) -> list[str]:
        rows = models.DeviceCommand.objects.filter(request=request)
        return list(rows.values_list("status", flat=True))

    def _accepted(self, kind: str) -> Any:
        """Return the newest small request of a kind of which something was accepted."""
        rows = models.DeviceCommand.objects.filter(
            request__kind_name=kind, request__device_count__lte=SMALL, status=S.ACCEPTED
        )
        return rows.select_related("request").latest("pk").request

    def _stop_some(self) -> None:
        operator = self.users.operator
        cancelled = self.few("dhcprenew")
        control.cancel(cancelled, operator)
        control.pause(self.few("unexempt"), operator)
        resumed = self.few("unignore")
        control.pause(resumed, operator)
        control.resume(resumed, operator)
        start = (now() + timedelta(days=2)).isoformat()
        self.few("exempt", hours="1", start_at=start, give_up_after="5")
        self.vendor.settle_all()
        self.few("ignore", give_up_after="1")
        recovery.expire(now() + timedelta(hours=2))

    def _refuse_some(self) -> None:
        """Leave the audit lines of refusals: by the role, by a group, by the inventory."""
        for actor, kind, given in (
            (self.users.viewer, "unexempt", {}),
            (self.users.helpdesk, "delete", {}),
            (self.users.operator, "assign_to_group", {"group_id": "nowhere"}),
        ):
            try:
                self.submit(kind, self.devices[:2], actor, **given)
            except refusals.Refused:
                continue
            raise RuntimeError(f"{kind} was not refused.")

    def _lose_some(self) -> None:
        """Leave a call whose worker died, a split call and commands that are in doubt."""
        self.few("re-identify")
        taken = answers.claim_commands(self.vendor)
        models.VendorCall.objects.filter(pk=taken.call.pk).update(lease_until=now())
        recovery.sweep()
        for kind, given, error in (
            ("assign_to_group", {"group_id": "g5"}, answers.FAULTS[8]),
            ("assign_to_group", {"group_id": "g6"}, answers.FAULTS[5]),
        ):
            self.few(kind, **given)
            replies.record_error(answers.claim_commands(self.vendor), error())
        with transaction.atomic():
            answers.forgive()

    def _leave_some(self) -> None:
        """Leave commands in a call, one of them with a cancellation, and others in the queue."""
        self.few("exempt", hours="2")
        answers.claim_commands(self.vendor)
        cancelled = self.few("exempt", hours="3")
        answers.claim_commands(self.vendor)
        control.cancel(cancelled, self.users.operator)
        self.few("exempt", hours="4")


def statuses() -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield, for each table with states, its name and the states that exist and that occur."""
    for model, field, choices in (
        (models.DeviceCommand, "status", S),
        (models.VendorCall, "state", states.CallState),
        (models.AgentLog, "status", states.LogStatus),
        (models.AuditJob, "state", models.AuditJob.State),
        (models.InventorySync, "kind", models.InventorySync.Kind),
        (models.InventorySync, "stage", models.InventorySync.Stage),
        (models.Selection, "origin", models.Selection.Origin),
    ):
        found = set(model.objects.order_by().values_list(field, flat=True).distinct())
        yield f"{model.__name__}.{field}", set(choices.values), found
