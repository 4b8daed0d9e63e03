"""The devices that a call may carry are learned from calls that are refused and split (F9)."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from actions.action_requests.states import CommandStatus as S
from actions.dispatch import forecast
from actions.dispatch.forecast import simulate
from actions.dispatch.work import Backlog
from actions.ratelimit import accounts, call_size
from actions.ratelimit.ledger import Ledger
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import Lane
from actions.simulator import Simulator
from tests.conftest import point_at
from tests.factories import enrol, make_request, statuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(settings):
    """Start a simulated vendor that takes so many ids a call, 10,000 calls a minute."""
    started = []

    def begin(most):
        simulator = Simulator(devices=0, limit=None, max_action_ids=most)
        simulator.start()
        started.append(simulator)
        point_at(simulator, settings)
        settings.OPSWAT_RATE_LIMIT = (10_000, 60.0)
        settings.ENGINE_VERIFY_AFTER = 0
        return simulator

    yield begin
    for simulator in started:
        simulator.stop()


def sizes(vendor, code=None):
    found = [c for c in vendor.received if c.api == "action" and code in (None, c.status)]
    return [len(call.body["ids"]) for call in found]


def request_many(operator, vendor, count, prefix="d", **fields):
    names = [f"{prefix}{number:04}" for number in range(count)]
    enrol(vendor, *names)
    return make_request(operator, *names, **fields)


def test_f9_500_devices_at_20_a_call_cost_little_more_than_25_calls(
    operator, start, send_due, signed_in
):
    vendor = start(20)
    action_request = request_many(operator, vendor, 500)

    send_due()

    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert set(vendor.applied.values()) == {1}
    assert len(sizes(vendor)) <= 25 + 12
    assert VendorAccount.objects.get().devices_fit == 20
    page = signed_in.get(reverse("vendor_calls")).content.decode()
    assert "A call carries 20 devices" in page
    assert "OPSWAT refuses calls of 50 devices" in page

    # What comes later is sent in full calls at once, and the forecast counts them.
    assert forecast.estimate(500, Lane.NORMAL).calls == 25
    before = len(sizes(vendor))
    request_many(operator, vendor, 200, "later")
    send_due()
    assert sizes(vendor)[before:] == [20] * 10


@pytest.mark.parametrize("most", [1, 2, 3, 7, 13, 25, 26, 33, 49])
def test_f9_any_bound_is_found(operator, start, send_due, most):
    vendor = start(most)
    action_request = request_many(operator, vendor, 300 if most > 5 else 60)

    send_due()

    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert set(vendor.applied.values()) == {1}
    assert len(sizes(vendor, 400)) <= 14
    account = VendorAccount.objects.get()
    assert (account.devices_fit or 0) <= most < (account.devices_refused or 0)
    assert call_size.allowed(account) >= max(1, most * 0.8)


@pytest.mark.parametrize("bad", [("d0007",), ("d0007", "d0030"), ("d0000", "d0049"), ("d0010",)])
def test_f9_a_bad_id_among_many_lowers_nothing(operator, start, send_due, bad, signed_in):
    vendor = start(50)
    vendor.refused_ids.update(bad)
    action_request = request_many(operator, vendor, 200)

    send_due()

    found = statuses(action_request)
    assert {name for name, status in found.items() if status == S.FAILED} == set(bad)
    assert VendorAccount.objects.get().devices_refused is None
    assert "A call carries" not in signed_in.get(reverse("vendor_calls")).content.decode()


def test_f9_once_a_day_one_call_tries_the_setting_again(operator, start, send_due):
    vendor = start(20)
    request_many(operator, vendor, 300)
    send_due()
    VendorAccount.objects.update(devices_probed_at=now() - timedelta(days=1, seconds=1))
    before = len(sizes(vendor))

    request_many(operator, vendor, 120, "b")
    send_due()
    assert sizes(vendor)[before] == 50
    assert sizes(vendor, 400).count(50) <= 2
    assert max(sizes(vendor)[before + 1 :]) <= 20
    assert VendorAccount.objects.get().devices_fit == 20

    vendor.stop()
    raised = start(50)
    VendorAccount.objects.update(
        devices_probed_at=now() - timedelta(days=1, seconds=1),
        devices_setting=_setting_of_now(),
        token_expires_at=None,
        token_encrypted="",
    )
    request_many(operator, raised, 120, "c")
    send_due()
    assert sizes(raised) == [50, 50, 20]
    assert VendorAccount.objects.get().devices_refused is None


def _setting_of_now():
    return call_size._setting()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPSWAT_MAX_DEVICES", 10), ("OPSWAT_MAX_DEVICES", 100), ("OPSWAT_ACTION_VERSION", "v3.3")],
)
def test_f9_another_setting_or_version_forgets_what_was_learned(
    operator, start, send_due, settings, name, value
):
    vendor = start(20)
    request_many(operator, vendor, 120)
    send_due()
    setattr(settings, name, value)

    assert not call_size.is_bounded(accounts.read())
    assert call_size.allowed(accounts.read()) == settings.OPSWAT_MAX_DEVICES


def test_f9_a_half_that_was_cut_short_teaches_nothing(operator, start, send_due):
    """One device of a refused call was cancelled meanwhile: it may have been the bad one."""
    whole = VendorCall(pk=5, http_status=400, device_count=10)
    fields = {"lane": 0, "state": "answered", "claimed_at": now(), "lease_until": now()}
    fields |= {"holds_until": now(), "api": "action"}
    VendorCall.objects.create(**fields, pk=whole.pk, http_status=400, device_count=10)
    for size in (5, 4):
        half = VendorCall.objects.create(
            **fields, http_status=200, device_count=size, split_of=whole.pk
        )
        call_size.note_accepted(accounts.lock(), half)

    assert accounts.read().devices_refused is None


@given(
    fit=st.none() | st.integers(0, 1000),
    refused=st.none() | st.integers(0, 1000),
)
def test_f9_the_size_is_always_between_one_and_the_setting(fit, refused):
    account = VendorAccount(
        devices_fit=fit, devices_refused=refused, devices_setting=_setting_of_now()
    )
    assert 1 <= call_size.allowed(account) <= 50


def test_f9_the_forecast_counts_smaller_calls_for_requests_only():
    at = now()
    free = Ledger(at, (), 0, 1000, 10.0)
    rows = [Backlog(Lane.BULK, 100, at, 1), Backlog(Lane.INVENTORY, 100, at)]
    assert simulate(rows, free, {}, 60.3, 20).calls == 5 + 2
