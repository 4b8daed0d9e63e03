"""Which requests still have work, and which need a person."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.action_requests import activity
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import claims, dispatcher
from actions.ratelimit.states import Lane
from tests.factories import enrol, know_devices, make_request

pytestmark = pytest.mark.django_db


def move(action_request, *moves):
    rows = DeviceCommand.objects.filter(request=action_request)
    for old, new in pairwise(moves):
        assert rows.move(old, new)


def test_a_request_counts_once_in_whatever_lanes_and_states_its_commands_are(operator):
    know_devices("a", "b", "c")
    assert activity.running_count() == 0

    mixed = make_request(operator, "a", "b", "c")
    rows = DeviceCommand.objects.filter(request=mixed)
    rows.filter(target="a").move(S.QUEUED, S.HELD)
    rows.filter(target="b").update(lane=Lane.BULK)
    assert activity.running_count() == 1

    held = make_request(operator, "a")
    move(held, S.QUEUED, S.HELD)
    queued = make_request(operator, "a")
    assert activity.running_count() == 3

    move(queued, S.QUEUED, S.SENDING, S.ACCEPTED)
    move(held, S.HELD, S.CANCELLED)
    assert activity.running_count() == 1


def test_a_request_whose_commands_are_all_in_a_call_runs(operator, helpdesk, vendor):
    enrol(vendor, "a")
    make_request(operator, "a", kind="exempt", hours="8")
    make_request(helpdesk, "a", kind="exempt", hours="8")  # Coalesced.
    dispatcher.step()  # The token.
    claims.claim()

    assert not DeviceCommand.objects.filter(status=S.QUEUED).exists()
    assert activity.running_count() == 2


def test_only_the_latest_requests_with_unconfirmed_commands_need_attention(operator):
    know_devices("a")
    made = [make_request(operator, "a") for _ in range(4)]
    for action_request in made[:3]:
        move(action_request, S.QUEUED, S.SENDING, S.UNCONFIRMED)

    assert activity.needing_attention(2) == [made[2], made[1]]


@pytest.mark.parametrize("ask", [activity.running_count, lambda: activity.needing_attention(5)])
def test_the_number_of_finished_requests_does_not_matter(operator, ask):
    know_devices("a")
    make_request(operator, "a")

    with CaptureQueriesContext(connection) as queries:
        ask()

    assert len(queries) == 1
    if connection.vendor == "sqlite":  # PostgreSQL plans by what it has counted.
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}")
            steps = [row[-1] for row in cursor.fetchall()]
        assert not [step for step in steps if "command_outcome" in step or "SCAN command" in step]
