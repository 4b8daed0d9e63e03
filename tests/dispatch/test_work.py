"""A kind of vendor call is one class; the dispatcher knows nothing of its subject."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import pytest

from actions.dispatch import dispatcher, selectors, sweeper, work
from actions.dispatch.work import Due, Work
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import Rejected, VendorError
from actions.ratelimit import clock, limiter, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import CallState, Lane
from actions.trail.models import AuditEvent
from tests.factories import know_devices, make_request

pytestmark = pytest.mark.django_db


class CountGroups(Work[str, str]):
    """Counts the vendor's groups, once."""

    apis = frozenset({"count"})
    ranks = {Lane.BULK: 0}

    def __init__(self) -> None:
        self.since: datetime | None = clock.now()
        self.counted: list[int] = []
        self.failed: list[VendorError] = []
        self.lost_calls: list[int] = []
        self.page_size = 50

    def next_due(self, lane: Lane, at: datetime, lingering: Collection[str]) -> Due[str] | None:
        return Due("groups", self.since) if self.since else None

    def claim(self, item: str, lane: Lane, at: datetime) -> tuple[VendorCall, str]:
        self.since = None
        return limiter.open_call(at, lane, "count"), item

    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: str
    ) -> Answer[Any]:
        return client.list_groups(slot, token, 1, self.page_size)

    def settle(self, call: VendorCall, payload: str, answer: Answer[Any], *, in_time: bool) -> None:
        self.counted.append(answer.value.rows)

    def fail(self, call: VendorCall, payload: str, error: VendorError) -> None:
        self.failed.append(error)

    def lost(self, call: VendorCall, reason: str) -> None:
        self.lost_calls.append(call.pk)


@pytest.fixture
def counting(vendor) -> Iterator[CountGroups]:
    kind = CountGroups()
    work.register(kind)
    yield kind
    work.WORKS.remove(kind)


def test_a_new_kind_of_call_is_sent_and_settled_within_the_ledger(counting, vendor):
    assert dispatcher.dispatch(10.0, alone=True) == 2  # The token, and the call.

    assert counting.counted == [len(vendor.groups)]
    call = VendorCall.objects.get(api="count")
    assert (call.state, call.http_status, call.lane) == (CallState.ANSWERED, 200, Lane.BULK)
    assert AuditEvent.objects.get(call=call.pk).verb == "vendor.answered"


def test_its_refused_call_is_handed_back_and_recorded(counting):
    counting.page_size = 0  # The client refuses to make a malformed call.
    dispatcher.dispatch(10.0, alone=True)

    assert [type(error) for error in counting.failed] == [Rejected]
    call = VendorCall.objects.get(api="count")
    assert AuditEvent.objects.get(call=call.pk).verb == "vendor.failed"


def test_its_call_with_a_dead_worker_is_handed_back_by_the_sweeper(counting):
    call = limiter.open_call(clock.now() - 2 * window.lease(), Lane.BULK, "count")

    assert sweeper.sweep() == 1
    assert counting.lost_calls == [call.pk]


def test_it_goes_after_a_command_of_a_higher_lane(counting, operator, send_due):
    know_devices("kiosk")
    make_request(operator, "kiosk")
    send_due()

    order = VendorCall.objects.order_by("pk").values_list("api", flat=True)
    assert list(order) == ["token", "action", "count"]


def test_pages_show_the_limit_that_the_engine_uses(settings):
    settings.OPSWAT_RATE_LIMIT = (10, 60.0)
    settings.ENGINE_RESERVE = 3

    assert selectors.window_stats().limit == window.limit() == 7
    assert limiter.read_ledger(clock.now()).limit == 7
    assert len(selectors.window_stats().slots) == 7
