"""What is older than its days goes in pieces; what is needed stays, and the trail tells it."""

import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import WAITING, CommandStatus
from actions.actor import Actor
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_STATUSES, LogStatus
from actions.audit.models import AuditJob
from actions.audit.verify import verify
from actions.dispatch import epoch
from actions.inventory.models import Device, DeviceAlias
from actions.ratelimit import accounts
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane
from actions.retention import parts, pieces, run
from actions.retention.models import RetentionCount, RetentionLease, StorageDay
from actions.trail import trail
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(days=500)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "NEWEST_CALLS", 2)
    monkeypatch.setattr(parts, "MOST_MARKED", 3)
    monkeypatch.setattr(pieces, "FIRST_PIECE", 2)
    monkeypatch.setattr(pieces, "LARGEST_PIECE", 4)


def old_request(
    actor: Actor, *targets: str, status: str = "confirmed", **fields: Any
) -> ActionRequest:
    """A request of long ago whose commands have this status."""
    know_devices(*targets)
    made = make_request(actor, *targets, **fields)
    age(made)
    settled = None if status in WAITING else now() - LONG_AGO
    DeviceCommand.objects.filter(request=made).update(status=status, settled_at=settled)
    return made


def age(made: ActionRequest, by: timedelta = LONG_AGO) -> None:
    ActionRequest.objects.filter(pk=made.pk).update(created_at=now() - by)
    DeviceCommand.objects.filter(request=made).update(settled_at=now() - by, check_at=None)


def old_call(**fields: Any) -> VendorCall:
    at = now() - LONG_AGO
    times = dict.fromkeys(("claimed_at", "lease_until", "holds_until"), at)
    values = {"api": "action", "lane": Lane.NORMAL, "state": CallState.ANSWERED, **times}
    return VendorCall.objects.create(**values | fields)


def told() -> list[dict[str, int]]:
    lines = AuditEvent.objects.filter(verb=Verb.RETENTION_REMOVED).order_by("pk")
    return [line.data["removed"] for line in lines]


def test_h9_old_requests_go_with_all_that_is_theirs_and_the_trail_tells_it(
    operator: Actor,
) -> None:
    for number in range(5):
        made = old_request(operator, f"d{number}", f"e{number}")
        old_call().action_requests.add(made)
    young = make_request(operator, *[each.vendor_id for each in know_devices("young")])

    assert run.run()

    assert list(ActionRequest.everything.all()) == [young]
    assert DeviceCommand.objects.count() == 1
    [line] = told()
    assert line == {"calls": 3, "commands": 10, "requests": 5}
    assert verify().findings == []
    run.run()
    assert len(told()) == 1


@pytest.mark.parametrize("status", sorted(CommandStatus))
def test_h9_a_request_goes_only_when_no_command_of_it_waits(operator: Actor, status: str) -> None:
    made = old_request(operator, "a", "b", "c")
    last = DeviceCommand.objects.filter(request=made).latest("pk")
    settled = None if status in WAITING else now() - LONG_AGO
    DeviceCommand.objects.filter(pk=last.pk).update(status=status, settled_at=settled)

    run.run()

    left = DeviceCommand.objects.count()
    assert left == (3 if status in WAITING else 0)
    assert ActionRequest.everything.filter(removing=True).count() == 0


def test_h9_a_request_stays_with_a_read_back_to_come_a_young_end_or_a_younger_child(
    operator: Actor,
) -> None:
    to_read = old_request(operator, "a")
    DeviceCommand.objects.filter(request=to_read).update(check_at=now())
    young = old_request(operator, "b")
    DeviceCommand.objects.filter(request=young).update(settled_at=now() - timedelta(days=399))
    parent = old_request(operator, "c")
    child = make_request(operator, "c")
    ActionRequest.objects.filter(pk=child.pk).update(parent=parent, origin="retry")

    run.run()

    assert ActionRequest.objects.count() == 4
    age(child)
    run.run()
    run.run()
    assert set(ActionRequest.everything.all()) == {to_read, young}


@pytest.mark.parametrize("status", sorted(LogStatus))
def test_h9_a_request_stays_as_long_as_its_agent_logs(operator: Actor, status: str) -> None:
    know_devices("a")
    made = make_request(operator, "a", kind="fetch_agent_log")
    accept_fetches(made)
    age(made)
    AgentLog.objects.update(status=status, open=LOG_STATUSES[LogStatus(status)].open)

    run.run()

    kept = status in {"requested", "waiting", "ready", "unreadable"}
    assert ActionRequest.everything.count() == kept
    assert AgentLog.objects.count() == kept


def test_h9_calls_stay_that_a_command_a_slot_or_the_epoch_needs(
    operator: Actor, settings: Any, tmp_path: Any
) -> None:
    settings.EPOCH_FILE = tmp_path / "epoch.json"
    settings.REQUESTS_KEEP_DAYS = 0
    free = [old_call() for _ in range(5)]
    of_command = old_call()
    know_devices("a")
    DeviceCommand.objects.filter(request=make_request(operator, "a")).update(call=of_command)
    holding = old_call(holds_until=now() + timedelta(minutes=1))
    in_flight = old_call(state=CallState.SENDING)
    newest = [old_call(), old_call()]
    account = accounts.read()
    account.save()
    epoch.begin(account)

    run.run()

    kept = set(VendorCall.objects.values_list("pk", flat=True))
    assert kept == {each.pk for each in (of_command, holding, in_flight, *newest)}
    assert not kept & {each.pk for each in free}
    assert epoch.problem(accounts.read()) == ""


def test_zero_days_keep_everything(operator: Actor, settings: Any) -> None:
    for name in ("REQUESTS_KEEP_DAYS", "CALLS_KEEP_DAYS", "AUDIT_JOBS_KEEP_DAYS"):
        setattr(settings, name, 0)
    old_request(operator, "a")
    know_devices("gone")
    Device.objects.filter(vendor_id="gone").update(gone_at=now() - LONG_AGO)
    for _ in range(4):
        old_call()

    run.run()

    assert ActionRequest.objects.count() == 1
    assert VendorCall.objects.count() == 4
    assert Device.objects.filter(vendor_id="gone").exists()
    assert told() == []


def test_h9_gone_devices_go_with_their_names_when_no_request_names_them(
    operator: Actor, settings: Any
) -> None:
    settings.GONE_DEVICES_KEEP_DAYS = 30
    old_request(operator, "named", status="queued")
    know_devices("gone", "here")
    Device.objects.exclude(vendor_id="here").update(gone_at=now() - LONG_AGO)

    run.run()

    assert set(Device.objects.values_list("vendor_id", flat=True)) == {"named", "here"}
    assert not DeviceAlias.objects.filter(device_key="gone").exists()
    assert DeviceAlias.objects.filter(device_key="here").exists()


def test_h9_ended_checks_go_and_running_ones_stay() -> None:
    for state, at in (("done", now() - LONG_AGO), ("running", None), ("done", now())):
        AuditJob.objects.create(
            kind="check", state=state, actor="x", requested_at=now() - LONG_AGO, ended_at=at
        )
    run.run()
    assert AuditJob.objects.filter(ended_at=None).count() == 1
    assert AuditJob.objects.count() == 2


@pytest.fixture
def stopping() -> Any:
    """A `leave` that is true from its n-th question on."""

    def after(number: int) -> Any:
        asked = count()
        return lambda: next(asked) >= number

    return after


@pytest.mark.parametrize("after", range(0, 22, 3))
def test_h9_a_run_that_ends_anywhere_is_taken_up_and_nobody_sees_a_part(
    operator: Actor, stopping: Any, after: int
) -> None:
    for number in range(4):
        old_request(operator, f"d{number}", f"e{number}", f"f{number}")

    run.run(leave=stopping(after))

    for seen in ActionRequest.objects.all():
        assert DeviceCommand.objects.filter(request=seen).count() == 3
    assert [each for each in verify().findings if "missing" in each.text] == []
    run.run()
    assert ActionRequest.everything.count() == DeviceCommand.objects.count() == 0
    assert sum(line.get("commands", 0) for line in told()) == 12
    assert sum(line.get("requests", 0) for line in told()) == 4


def test_h9_what_a_killed_run_removed_is_told_by_the_next(operator: Actor) -> None:
    RetentionCount.objects.create(name="commands", untold=7, upto=now())
    run.run()
    assert told() == [{"commands": 7}]


def test_h9_a_second_run_does_nothing_while_the_first_holds_the_lease(operator: Actor) -> None:
    old_request(operator, "a")
    with pieces.lease(10, lambda: False):
        assert run.run() is False
    assert ActionRequest.objects.count() == 1


@pytest.mark.parametrize("until", [timedelta(seconds=-1), timedelta(days=1)])
def test_h9_the_lease_of_a_killed_run_ends_also_after_the_clock_was_set_back(
    operator: Actor, until: timedelta
) -> None:
    old_request(operator, "a")
    RetentionLease.objects.create(pk=pieces.ROW_ID, holder="dead", until=now() + until)
    assert run.run()
    assert ActionRequest.objects.count() == 0


def test_h9_the_lease_of_a_dead_process_of_this_host_is_free_at_once(operator: Actor) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    names = {f"{socket.gethostname()}:{ended.pid}:1": True, f"elsewhere:{ended.pid}:1": False}
    names[f"{socket.gethostname()}:{os.getpid()}:1"] = False
    for holder, is_free in names.items():
        RetentionLease.objects.all().delete()
        until = now() + timedelta(seconds=60)
        RetentionLease.objects.create(pk=pieces.ROW_ID, holder=holder, until=until)
        assert run.run() is is_free, holder


def test_h9_a_clock_that_was_set_years_ahead_removes_nothing_on_that_day(operator: Actor) -> None:
    know_devices("a")
    made = make_request(operator, "a")
    age(made, timedelta(days=1))
    StorageDay.objects.create(day=now().date() - timedelta(days=1))
    run.run()
    wrong = now().replace(hour=6) + timedelta(days=730)
    for at in (wrong, wrong + timedelta(hours=1)):
        with time_machine.travel(at):
            run.run()
            assert ActionRequest.objects.count() == 1
            assert "nothing is removed until tomorrow" in RetentionLease.objects.get().problem
    with time_machine.travel(wrong + timedelta(days=1)):
        run.run()
        assert ActionRequest.objects.count() == 0


def test_a_part_that_fails_is_told_and_the_others_run(operator: Actor, settings: Any) -> None:
    settings.AUDIT_KEEP_DAYS = 1
    settings.AUDIT_ARCHIVE_DIR = "/proc/nowhere"
    call = old_call()
    for _ in range(2):
        old_call()
    old = datetime(2020, 1, 1, tzinfo=now().tzinfo)
    with_old_line(operator, old)

    run.run()

    assert not VendorCall.objects.filter(pk=call.pk).exists()
    assert RetentionLease.objects.get().problem.startswith("lines: ")


def with_old_line(operator: Actor, at: datetime) -> None:
    with time_machine.travel(at):
        for _ in range(2):  # The last line of all always stays.
            trail.record(operator, Verb.LOG_OPENED, subject_kind="test", subject="old")
