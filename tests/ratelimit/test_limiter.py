"""The ledger: never more calls in a window than the vendor allows, whatever the network does."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.payloads import RateLimitStatus
from actions.ratelimit import accounts, breaker, clock, limiter, window
from actions.ratelimit.ledger import Ledger, hold_after_reply
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, Lane

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = 60.0
LIMIT = 10
HOLD = hold_after_reply(timedelta(seconds=WINDOW)).total_seconds()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def ledger(moment: datetime, holds: tuple[datetime, ...]) -> Ledger:
    return Ledger(moment, holds, open_calls=0, limit=LIMIT, urgent_wait=10.0)


def worst_window(arrivals: list[float]) -> int:
    """The most arrivals in any window of 60 s, both ends included."""
    ordered = sorted(arrivals)
    return max(
        sum(first <= other <= first + WINDOW for other in ordered[place:])
        for place, first in enumerate(ordered)
    )


# Seconds on the way there and back: mostly quick, sometimes a minute.
delays = st.one_of(st.floats(0, 0.5), st.floats(0, 70))
lanes = st.sampled_from([Lane.URGENT, Lane.BULK, Lane.INVENTORY])


@given(trips=st.lists(st.tuples(delays, delays, lanes), min_size=11, max_size=60))
def test_no_window_ever_holds_more_arrivals_than_the_limit(trips):
    """Calls go as soon as the ledger lets them; each arrives and is answered at random times."""
    now = 0.0
    holds: list[float] = []
    arrivals: list[float] = []
    for there, back, lane in trips:
        while True:
            held = tuple(at(until) for until in sorted(holds) if until > now)
            wait = ledger(at(now), held).wait_for(lane)
            if wait <= 0:
                break
            now += wait + 1e-6
        arrivals.append(now + there)
        holds.append(now + there + back + HOLD)

    assert worst_window(arrivals) <= LIMIT


@given(held=st.lists(st.floats(0.1, 120), max_size=14), lane=lanes)
def test_after_a_call_of_a_lower_lane_an_urgent_one_waits_at_most_urgent_wait(held, lane):
    before = ledger(START, tuple(at(seconds) for seconds in sorted(held)))
    if lane == Lane.URGENT or before.wait_for(lane) > 0:
        return

    assert before.after(0, hold=10_000).wait_for(Lane.URGENT) <= 10.0


@given(
    held=st.lists(st.floats(0.1, 120), max_size=14),
    lane=st.sampled_from([Lane.BULK, Lane.REPORTS, Lane.INVENTORY]),
)
def test_f2_after_a_bulk_call_the_kth_urgent_one_waits_at_most_k_times_urgent_wait(held, lane):
    now = ledger(START, tuple(at(seconds) for seconds in sorted(held)))
    if now.wait_for(lane) > 0:
        return

    now = now.after(0, hold=10_000)
    for place in (1, 2, 3):
        now = now.after(now.wait_for(Lane.URGENT), hold=10_000)
        assert (now.at - START).total_seconds() <= place * 10.0 + 1e-3


def test_a_full_ledger_returns_when_the_next_slot_is_free():
    holds = tuple(at(seconds) for seconds in range(5, 15))

    full = ledger(START, holds)

    assert full.free == 0
    assert full.frees_in() == 5
    assert full.frees_in(3) == 7


@pytest.mark.django_db
class TestRows:
    def open(self, lane=Lane.NORMAL) -> VendorCall:
        return limiter.open_call(clock.now(), lane, "action")

    def close(self, call, state=CallState.ANSWERED, remaining=None, status=200) -> None:
        rate = RateLimitStatus(limit=10, remaining=remaining, reset_after=None)
        with transaction.atomic():
            accounts.lock()
            limiter.close_call(call, state, http_status=status, rate=rate)

    def held(self) -> int:
        return len(limiter.read_ledger(clock.now()).holds)

    def test_a_call_holds_its_slot_from_before_the_send_until_a_window_after_the_reply(self):
        call = self.open()
        assert self.held() == 1
        assert call.holds_until > call.lease_until + window.length()

        self.close(call)

        assert call.replied_at
        assert call.holds_until == call.replied_at + hold_after_reply(window.length())
        assert self.held() == 1

    def test_a_call_given_up_on_holds_its_slot_a_little_longer(self):
        call = self.open()

        self.close(call, CallState.FAILED)

        assert call.replied_at
        held_for = (call.holds_until - call.replied_at).total_seconds()
        assert held_for == pytest.approx(HOLD + WINDOW / 12)

    def test_calls_that_others_made_are_put_into_the_ledger(self):
        call = self.open()

        self.close(call, remaining=6)  # The vendor counts four, we made one.

        assert VendorCall.objects.filter(state=CallState.FOREIGN).count() == 3
        assert self.held() == 4

    def test_others_calls_are_not_counted_again_with_each_answer(self):
        self.close(self.open(), remaining=6)
        self.close(self.open(), remaining=5)
        self.close(self.open(), remaining=4)

        assert VendorCall.objects.filter(state=CallState.FOREIGN).count() == 3

    def test_a_vendor_that_counts_as_we_do_adds_nothing(self):
        first, second = self.open(), self.open()
        self.close(second, remaining=8)
        self.close(first, remaining=9)

        assert not VendorCall.objects.filter(state=CallState.FOREIGN).exists()

    @pytest.mark.parametrize("remaining", [-5, 10_000, None])
    def test_an_absurd_count_never_makes_more_calls_than_the_limit(self, remaining):
        self.close(self.open(), remaining=remaining)

        assert self.held() <= LIMIT

    def test_trouble_in_a_row_pauses_longer_each_time_and_a_good_answer_ends_it(self):
        pauses = []
        for _ in range(8):
            VendorAccount.objects.update(open_until=None)
            with transaction.atomic():
                breaker.record_failure(accounts.lock(), "the vendor cannot be reached")
            until = VendorAccount.objects.get().open_until
            assert until
            pauses.append((until - clock.now()).total_seconds())
        VendorAccount.objects.update(open_until=clock.now())
        with transaction.atomic():
            breaker.record_success(accounts.lock())
        account = VendorAccount.objects.get()

        assert [round(pause) for pause in pauses] == [2, 4, 8, 16, 32, 60, 60, 60]
        assert (account.open_until, account.consecutive_failures, account.half_open) == (
            None,
            0,
            False,
        )

    def test_the_ledger_needs_one_query_however_many_calls_were_ever_made(
        self, django_assert_num_queries
    ):
        for _ in range(5):
            self.close(self.open())

        with django_assert_num_queries(1):
            limiter.read_ledger(datetime.now(UTC), VendorAccount())


def test_a_clock_step_is_detected_and_a_steady_clock_is_not():
    clock.forget()
    assert not clock.has_jumped(at(0))
    assert not clock.has_jumped(at(0.01))
    assert clock.has_jumped(at(3600))
    assert not clock.has_jumped(at(3600.01))
    assert clock.has_jumped(at(10))
    clock.forget()


@pytest.mark.django_db
def test_time_that_passes_frees_the_slots(travel):
    travel.move_to(START)
    for _ in range(10):
        call = limiter.open_call(clock.now(), Lane.NORMAL, "action")
        VendorCall.objects.filter(pk=call.pk).update(holds_until=at(60.05))
    assert limiter.read_ledger(clock.now()).free == 0

    travel.move_to(at(61))

    assert limiter.read_ledger(clock.now()).free == 10


@pytest.mark.django_db
def test_f4_a_refused_call_holds_its_slot_until_the_vendor_says_that_its_window_ends():
    def held_after_429(reset_after: float | None) -> float:
        call = limiter.open_call(clock.now(), Lane.NORMAL, "action")
        rate = RateLimitStatus(limit=10, remaining=0, reset_after=reset_after)
        with transaction.atomic():
            accounts.lock()
            limiter.close_call(call, CallState.ANSWERED, http_status=429, rate=rate)
        assert call.replied_at
        return (call.holds_until - call.replied_at).total_seconds()

    assert held_after_429(20.0) == 20.0
    assert held_after_429(0.0) == 1.0
    assert held_after_429(None) == held_after_429(900.0) == HOLD


@pytest.mark.django_db
def test_f6_foreign_calls_are_counted_without_our_refused_ones():
    refused = limiter.open_call(clock.now(), Lane.NORMAL, "action")
    call = limiter.open_call(clock.now(), Lane.NORMAL, "action")
    with transaction.atomic():
        accounts.lock()
        limiter.close_call(
            refused, CallState.ANSWERED, http_status=429, rate=RateLimitStatus(10, 0, None)
        )
        # Ten less this one and the five that remain are four, none of which we made.
        limiter.close_call(
            call, CallState.ANSWERED, http_status=200, rate=RateLimitStatus(10, 5, None)
        )
    assert VendorCall.objects.filter(state=CallState.FOREIGN).count() == 4


@pytest.mark.django_db
def test_a_lower_limit_of_the_vendor_is_obeyed_and_a_higher_one_is_not(settings):
    def limit() -> int:
        return limiter.read_ledger(clock.now()).limit

    account = accounts.lock()
    for stated, expected in ((None, 10), (5, 5), (20, 10), (1, 1), (0, 1), (10, 10)):
        limiter.note_limit(account, RateLimitStatus(stated, 3, None))
        assert limit() == expected, stated
    settings.ENGINE_RESERVE = 3
    limiter.note_limit(account, RateLimitStatus(5, 3, None))
    assert limit() == 2
    limiter.note_limit(account, None)
    assert limit() == 2
