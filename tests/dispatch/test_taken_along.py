"""An urgent command takes the older commands of its device along in its lane (F13)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from actions.action_requests import controls, queue
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import Lane
from tests.factories import enrol, know_devices, make_request, statuses

pytestmark = pytest.mark.django_db


def actions(vendor):
    return [call for call in vendor.received if call.api == "action"]


def many(vendor, count):
    names = [f"d{number:04}" for number in range(count)]
    enrol(vendor, *names)
    return names


def use_slots(count):
    """Take slots as if calls had been made just before."""
    for _ in range(count):
        VendorCall.objects.create(
            api="action",
            lane=Lane.BULK,
            state="answered",
            claimed_at=now(),
            lease_until=now(),
            replied_at=now(),
            http_status=200,
            holds_until=now() + timedelta(seconds=300),
        )


def test_f13_order_an_urgent_unexempt_takes_the_exempt_before_it_along(operator, vendor, settings):
    """1,300 devices are exempted; the last of them is unexempted while one slot in ten is left."""
    names = many(vendor, 1300)
    settings.OPSWAT_RATE_LIMIT = (10, 600.0)
    settings.ENGINE_URGENT_WAIT = 100.0
    bulk = make_request(operator, *names, kind="exempt")
    assert bulk.lane == Lane.BULK
    dispatcher.step()  # The token.
    use_slots(7)  # Two are left, which bulk may not take.
    assert dispatcher.step() != 0.0
    urgent = make_request(operator, names[-1], kind="unexempt")

    assert dispatcher.step() == dispatcher.step() == 0.0

    first, second = actions(vendor)
    assert (first.body["types"], second.body["types"]) == ("exempt", "unexempt")
    assert first.body["ids"][0] == names[-1]
    assert len(first.body["ids"]) == 50  # Merging is kept: the call is filled with its like.
    assert second.body["ids"] == [names[-1]]
    assert set(statuses(urgent).values()) == {S.ACCEPTED}
    assert vendor.devices[names[-1]].status != "exempted"
    assert (
        list(
            VendorCall.objects.filter(api="action", coalesce_key__gt="")
            .order_by("id")
            .values_list("lane", flat=True)
        )
        == [Lane.URGENT] * 2
    )


def test_f13_a_chain_goes_in_the_order_in_which_it_was_submitted(operator, vendor, send_due):
    names = many(vendor, 501)
    last = names[-1]
    for kind in ("exempt", "assign_to_group"):
        fields = {"group_id": next(iter(vendor.groups))} if kind == "assign_to_group" else {}
        make_request(operator, *names, kind=kind, **fields)
    make_request(operator, last, kind="unexempt")

    queue.next_command(Lane.URGENT, now())

    rows = DeviceCommand.objects.filter(device_key=last).order_by("id")
    assert list(rows.values_list("lane", flat=True)) == [Lane.URGENT] * 3
    assert DeviceCommand.objects.filter(lane=Lane.URGENT).count() == 3
    send_due()
    sent = [call.body["types"] for call in actions(vendor) if last in call.body["ids"]]
    assert sent == ["exempt", "assign_to_group", "unexempt"]


def test_f13_one_that_comes_back_from_a_failed_call_is_taken_along_too(operator, vendor, settings):
    names = many(vendor, 501)
    settings.OPSWAT_RATE_LIMIT = (1000, 600.0)
    bulk = make_request(operator, *names, kind="exempt")
    dispatcher.step()
    vendor.fault("throttled", reset=30)
    dispatcher.step()  # The first fifty come back to the queue.
    make_request(operator, names[0], kind="unexempt")
    VendorAccount.objects.update(open_until=now() - timedelta(seconds=1))

    dispatcher.step()

    assert names[0] in actions(vendor)[-1].body["ids"]
    assert VendorCall.objects.filter(api="action").latest("id").lane == Lane.URGENT
    assert statuses(bulk)[names[0]] == S.ACCEPTED


def test_f13_held_and_younger_commands_stay_where_they_are(operator, vendor):
    names = many(vendor, 501)
    held = make_request(operator, *names, kind="exempt")
    controls.pause(held, operator)
    make_request(operator, names[0], kind="unexempt")
    younger = make_request(operator, *names, kind="exempt", hours="9")

    queue.next_command(Lane.URGENT, now())

    lanes = dict(DeviceCommand.objects.filter(device_key=names[0]).values_list("request", "lane"))
    assert lanes[held.pk] == lanes[younger.pk] == Lane.BULK


def test_f13_the_queries_do_not_read_the_bulk_job(operator):
    know_devices(*[f"d{number:04}" for number in range(600)])
    make_request(operator, *[f"d{number:04}" for number in range(600)], kind="exempt")
    make_request(operator, "d0599", kind="unexempt")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE actions_devicecommand")
            cursor.execute("SET LOCAL enable_seqscan = off")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        queue._take_along()
    assert len(captured) == 2
    for query in captured.captured_queries:
        with connection.cursor() as cursor:
            word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            cursor.execute(f"{word} {query['sql']}")
            plan = " ".join(str(row) for row in cursor.fetchall())
        # With few rows PostgreSQL may choose among the indexes that serve.
        assert "command_before_it" in plan or connection.vendor == "postgresql", plan
        assert "SCAN actions_devicecommand" not in plan, plan
        assert "Seq Scan" not in plan, plan


@hypothesis(max_examples=25, deadline=None)
@given(
    asked=st.lists(
        st.tuples(st.sampled_from(["exempt", "unexempt"]), st.booleans(), st.integers(0, 3)),
        min_size=1,
        max_size=6,
    )
)
def test_f13_commands_of_one_device_are_never_sent_out_of_order(asked):
    """Whatever was asked in whichever lane, the next of a device is always its oldest."""
    from tests.factories import actor_for, make_person

    person = actor_for(make_person(f"p{now().timestamp()}", "operator"))
    names = [f"x{now().timestamp()}-{number}" for number in range(4)]
    know_devices(*names)
    for kind, urgent, place in asked:
        made = make_request(person, *(names[place : place + 1] if urgent else names), kind=kind)
        lane = Lane.URGENT if urgent else Lane.BULK
        DeviceCommand.objects.filter(request=made).update(lane=lane)

    lead = queue.next_command(Lane.URGENT, now())

    waiting = DeviceCommand.objects.filter(device_key__in=names, status=S.QUEUED)
    for row in waiting.filter(lane=Lane.URGENT):
        older = waiting.filter(device_key=row.device_key, id__lt=row.pk)
        assert not older.exclude(lane=Lane.URGENT).exists()
    assert (lead is not None) == any(urgent for _, urgent, _ in asked)
    if lead is not None:
        assert not waiting.filter(device_key=lead.device_key, id__lt=lead.pk).exists()
    DeviceCommand.objects.filter(device_key__in=names).delete()
