"""What one person may ask for in a minute, and what it cannot delay."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from actions.actor import Actor
from actions.agent_logs import controls as log_controls
from actions.audit import jobs
from actions.audit.models import AuditJob
from actions.audit.query import parse_audit_query
from actions.budgets import budget
from actions.budgets.budget import Budget, OverBudget
from actions.budgets.models import PersonBudget
from actions.dispatch import claims
from actions.errors import NotAllowed, Refused
from actions.inventory import refresh
from actions.inventory.models import Device, DeviceRefresh
from actions.roles import Role
from actions.selections import choose, uploads
from actions.selections.list_parser import Row
from actions.selections.models import SelectedDevice, Selection, UploadedList
from actions.trail.models import AuditEvent
from tests.factories import accept_fetches, enrol, know_devices, make_request

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def times_until_refused(act, most=200):
    """Return how often an act succeeds before it is refused."""
    for number in range(most):
        try:
            act(number)
        except OverBudget:
            return number
    return most


@pytest.mark.parametrize("which", Budget)
def test_h5_a_budget_ends_and_begins_again_after_a_minute(operator, helpdesk, which, settings):
    limit = settings.BUDGETS_PER_MINUTE[which]
    assert times_until_refused(lambda _: budget.take(operator, which)) == limit
    budget.take(helpdesk, which)
    with pytest.raises(OverBudget, match=f"limit of {limit} {which} a minute") as refusal:
        budget.take(operator, which)
    assert 1 <= refusal.value.seconds <= 60
    row = PersonBudget.objects.get(used=limit)
    PersonBudget.objects.filter(pk=row.pk).update(since=row.since - MINUTE)
    budget.take(operator, which)


def test_a_minute_that_begins_in_the_future_counts_for_nothing(operator):
    """The clock was set back after the minute had begun."""
    times_until_refused(lambda _: budget.take(operator, Budget.POLLS))
    row = PersonBudget.objects.get()
    PersonBudget.objects.update(since=row.since + timedelta(days=1))
    budget.take(operator, Budget.POLLS)


@pytest.mark.django_db(transaction=True)
def test_h5_a_budget_is_exact_under_parallel_requests(settings):
    settings.BUDGETS_PER_MINUTE = {**settings.BUDGETS_PER_MINUTE, "polls": 5}
    actor = Actor(name="oscar", role=Role.OPERATOR, source="page")
    together = threading.Barrier(8)
    taken: list[int] = []

    def take() -> None:
        try:
            together.wait(10)
            for _ in range(3):
                budget.take(actor, Budget.POLLS)
                taken.append(1)
        except OverBudget:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == 5


def test_h5_each_service_that_costs_work_has_its_budget(operator, settings, vendor):
    """Matrix: the services, each with its limit, its single line in the trail and its rows."""
    names = [f"device-{number:03}" for number in range(80)]
    devices = know_devices(*names)
    fetches = [make_request(operator, name, kind="fetch_agent_log") for name in names[:20]]
    logs = [log for each in fetches for log in accept_fetches(each)]
    acts = {
        "refreshes": lambda number: refresh.refresh(devices[number], operator),
        "polls": lambda number: log_controls.poll_now(logs[number], operator),
        "exports": lambda _: jobs.ask_export(operator, parse_audit_query({}), "csv"),
        "selections": lambda _: choose.choose_devices(Device.objects.all(), operator),
    }
    for which, act in acts.items():
        before = AuditEvent.objects.filter(verb__endswith="refused").count()
        assert times_until_refused(act) == settings.BUDGETS_PER_MINUTE[which], which
        after = AuditEvent.objects.filter(verb__endswith="refused")
        assert after.count() == before + 1, which
        assert after.latest("id").data["codes"] == ["over_budget"], which
    assert DeviceRefresh.objects.count() == settings.BUDGETS_PER_MINUTE["refreshes"]
    assert AuditJob.objects.count() == settings.BUDGETS_PER_MINUTE["exports"]


def test_h5_refreshes_and_polls_of_people_leave_slots_for_an_urgent_action(
    operator, helpdesk, vendor, send_due, settings
):
    """Everybody refreshes and polls as much as they may; then one device is exempted."""
    settings.OPSWAT_RATE_LIMIT = (10, 60.0)
    settings.OPSWAT_MAX_DEVICES = 1
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 1000)
    enrol(vendor, *(f"device-{number:03}" for number in range(40)))
    fetches = [
        make_request(operator, f"device-{number:03}", kind="fetch_agent_log")
        for number in range(10)
    ]
    for each in fetches:
        for log in accept_fetches(each):
            log_controls.poll_now(log, operator)
    for device in Device.objects.all():
        refresh.refresh(device, helpdesk)
    send_due()
    assert len(vendor.received) < 10

    urgent = make_request(helpdesk, "device-039", kind="exempt")
    claim = claims.claim()

    assert isinstance(claim, claims.Claim)
    assert claim.call.commands.get().request == urgent


def test_h5_a_person_keeps_a_hundred_selections_at_most(operator, settings, monkeypatch):
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 1000)
    monkeypatch.setattr(choose, "MAX_SELECTIONS", 3)
    know_devices("a", "b")
    made = [choose.choose_devices(Device.objects.all(), operator) for _ in range(5)]
    part = choose.choose_part(made[-1], SelectedDevice.objects.filter(target="a"), operator)
    kept = Selection.objects.order_by("id").values_list("pk", flat=True)
    assert list(kept) == [made[-2].pk, made[-1].pk, part.pk]
    assert SelectedDevice.objects.count() == 5
    for _ in range(2):
        choose.choose_devices(Device.objects.all(), operator)
    part.refresh_from_db()
    assert part.parent is None


def test_h5_a_person_keeps_fifty_exports_at_most(operator, settings, monkeypatch):
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 1000)
    monkeypatch.setattr(jobs, "MAX_EXPORTS", 3)
    query = parse_audit_query({})
    made = [jobs.ask_export(operator, query, "csv") for _ in range(3)]
    with pytest.raises(Refused, match="You have 3 exports"):
        jobs.ask_export(operator, query, "csv")
    AuditJob.objects.filter(pk=made[0].pk).update(expires_at=made[0].requested_at)
    jobs.ask_export(operator, query, "csv")


def test_h5_uploads_are_counted_before_they_are_read_and_twenty_are_kept(
    operator, viewer, settings, monkeypatch
):
    assert times_until_refused(lambda _: uploads.admit_upload(operator)) == 20
    with pytest.raises(NotAllowed):
        uploads.admit_upload(viewer)
    monkeypatch.setattr(uploads, "MAX_LISTS", 2)
    kept = [uploads.keep_list([Row(1, ["a"])], operator) for _ in range(4)]
    assert set(UploadedList.objects.values_list("pk", flat=True)) == {each.pk for each in kept[2:]}
