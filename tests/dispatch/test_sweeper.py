"""Dead workers, late answers, duplicate hints: no command is lost or left behind."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import claims, dispatcher, sweeper
from actions.ratelimit.models import VendorCall
from actions.trail.models import AuditEvent
from tests.dispatch.test_dispatcher import actions
from tests.factories import enrol, make_request, statuses

pytestmark = pytest.mark.django_db


def test_a_new_installation_makes_one_call_at_a_time_at_first(operator, vendor):
    enrol(vendor, "kiosk", "other")
    make_request(operator, "kiosk")

    first = claims.claim()

    assert isinstance(first, claims.Claim)
    assert isinstance(claims.claim(), claims.Wait)


def claim_and_die(vendor) -> claims.Claim:
    """Take a slot and its work as a worker does that then dies."""
    dispatcher.step()  # The token.
    taken = claims.claim()
    assert isinstance(taken, claims.Claim)
    VendorCall.objects.filter(pk=taken.call.pk).update(lease_until=now() - timedelta(seconds=1))
    return taken


def test_the_call_of_a_dead_worker_ends_unconfirmed(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")
    claim_and_die(vendor)

    assert sweeper.sweep() == 1
    send_due()

    assert statuses(action_request) == {"kiosk": S.UNCONFIRMED}
    assert "died" in action_request.commands.get().detail
    assert actions(vendor) == []


def test_an_answer_after_the_sweep_still_settles_its_call(operator, vendor):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")
    taken = claim_and_die(vendor)
    sweeper.sweep()

    dispatcher.send(taken)

    assert statuses(action_request) == {"kiosk": S.ACCEPTED}


def test_the_sweeper_does_not_end_calls_within_their_lease(operator, vendor):
    enrol(vendor, "kiosk")
    action_request = make_request(operator, "kiosk", kind="delete")
    dispatcher.step()
    claims.claim()

    assert sweeper.sweep() == 0
    assert statuses(action_request) == {"kiosk": S.SENDING}


def test_every_change_of_status_has_its_audit_line(operator, vendor, send_due, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    enrol(vendor, "a", "b")
    vendor.fault("throttled", reset=0)
    vendor.fault("missing_rows", skip=1)
    action_request = make_request(operator, "a", "b", kind="delete")

    send_due()

    lines = list(AuditEvent.objects.filter(subject=str(action_request.uuid)).order_by("id"))
    assert [line.verb for line in lines] == [
        "request.submitted",
        "call.not_done",
        "call.answered",
    ]
    recorded = {row["target"]: row["status"] for row in lines[-1].data["devices"]}
    assert recorded == statuses(action_request)


def test_a_duplicate_hint_sends_nothing_twice(operator, vendor, send_due):
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk", kind="delete")

    send_due()
    send_due()

    assert vendor.applied["delete", "kiosk"] == 1


def test_results_in_another_order_duplicated_or_foreign_reach_their_device(
    operator, vendor, send_due
):
    enrol(vendor, "a", "b", "c")
    vendor.devices["b"].forced_status = -1
    for fault in ("reordered", "doubled_rows", "foreign_rows"):
        action_request = make_request(operator, "a", "b", "c")
        vendor.fault(fault)
        send_due()
        assert statuses(action_request) == {"a": S.ACCEPTED, "b": S.FAILED, "c": S.ACCEPTED}


def test_no_command_stays_queued_or_sending(operator, vendor, send_due):
    enrol(vendor, "a")
    make_request(operator, "a")

    send_due()

    assert not DeviceCommand.objects.filter(settled_at=None).exists()
