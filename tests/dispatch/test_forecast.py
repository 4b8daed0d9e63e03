"""What is promised of the end is what the dispatcher does."""

from datetime import UTC, datetime, timedelta

import pytest

from actions.action_requests.models import DeviceCommand
from actions.dispatch import claims
from actions.dispatch.forecast import forecast, simulate
from actions.dispatch.results import record_answer
from actions.dispatch.work import Backlog
from actions.opswat.client import Answer, Token
from actions.opswat.payloads import ActionCall, ActionResult, DeviceResult, RateLimitStatus
from actions.ratelimit import clock
from actions.ratelimit.ledger import Ledger
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane
from tests.factories import know_devices, make_request

START = datetime(2026, 1, 1, tzinfo=UTC)


def played(*shares: tuple[Lane, int, int], limit: int = 10):
    rows = [Backlog(lane, devices, START, key, str(key)) for lane, key, devices in shares]
    return simulate(rows, Ledger(START, (), 0, limit, 10.0), {}, 60.3)


def minutes(moment: datetime) -> float:
    return (moment - START).total_seconds() / 60


def test_a_job_of_a_hundred_calls_uses_the_whole_limit():
    end = played((Lane.BULK, 1, 5000)).requests[1]

    assert 9.0 <= minutes(end) <= 10.05


def test_two_bulk_jobs_share_the_limit_and_end_together():
    ends = played((Lane.BULK, 1, 5000), (Lane.BULK, 2, 5000)).requests

    assert abs(minutes(ends[1]) - minutes(ends[2])) < 0.5


def test_an_urgent_request_ends_at_once_whatever_else_waits():
    result = played((Lane.BULK, 1, 5000), (Lane.URGENT, 2, 1))

    assert result.requests[2] == START


def test_a_hundred_thousand_devices_are_forecast_quickly():
    end = played((Lane.BULK, 1, 1_000_000)).requests[1]

    assert minutes(end) == pytest.approx(2000, rel=0.02)


@pytest.mark.django_db
def test_the_forecast_and_the_dispatcher_agree(operator, settings, travel):
    """The real claims in a time of our own: each call is answered after 0.3 s."""
    settings.OPSWAT_MAX_DEVICES = 5
    names = [f"d{number:03}" for number in range(200)]
    travel.move_to(START)
    know_devices(*names)
    make_request(operator, *names[:120], kind="exempt", hours="8")
    make_request(operator, *names[120:], kind="exempt", hours="9")

    promised = forecast()
    last = run_to_the_end(travel)

    for request_id, end in last.items():
        error = abs((promised.requests[request_id] - end).total_seconds())
        assert error <= 0.1 * max(60.0, (end - START).total_seconds())
    assert promised.calls == VendorCall.objects.exclude(api="token").count()


@pytest.mark.django_db
def test_a_call_from_before_the_clock_was_set_back_delays_no_lane(operator, settings, travel):
    """The dispatcher takes such a call for none (engine: turns), so the forecast does too."""
    settings.OPSWAT_MAX_DEVICES = 1
    names = [f"d{number:02}" for number in range(60)]
    know_devices(*names)
    travel.move_to(START - timedelta(minutes=10))
    bulk = make_request(operator, *names[:30], kind="exempt", hours="8")
    DeviceCommand.objects.update(lane=Lane.BULK)
    make_request(operator, *names[30:], kind="exempt", hours="9")
    travel.move_to(START)
    later = START + timedelta(hours=1)
    VendorCall.objects.create(
        api="action",
        lane=Lane.BULK,
        state=CallState.ANSWERED,
        claimed_at=later,
        lease_until=later,
        holds_until=START,
    )

    assert forecast().begins[bulk.pk] == START


def run_to_the_end(travel) -> dict[int, datetime]:
    """Claim and answer until nothing is left; the moment of each request's last call."""
    last: dict[int, datetime] = {}
    at = START
    while (taken := claims.claim()) is not None:
        clock.forget()
        if isinstance(taken, claims.Wait):
            at += timedelta(seconds=taken.seconds)
            travel.move_to(at)
            continue
        if taken.call.lead_request_id:
            last[taken.call.lead_request_id] = at
        travel.move_to(at + timedelta(seconds=0.3))
        answer(taken, at)
        travel.move_to(at)
    return last


def answer(taken: claims.Claim, at: datetime) -> None:
    """The vendor's answer, without a vendor: all accepted."""
    if not isinstance(taken.payload, ActionCall):
        token = Answer(Token("t", 43199.0), 200, RateLimitStatus(10, 9, None))
        record_answer(taken, token)
        VendorCall.objects.update(holds_until=at)  # The forecast knows nothing of tokens.
        return
    said = {name: DeviceResult(name, 1, "1", "") for name in taken.payload.targets}
    record_answer(taken, Answer(ActionResult(said, (), ()), 200, RateLimitStatus(None, None, None)))
    DeviceCommand.objects.update(check_at=None)
