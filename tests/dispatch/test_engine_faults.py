"""What the vendor or a gateway may answer otherwise, through the simulator and real HTTP (F1-F11).

Windows are ten minutes long: a test ends a pause by moving its time, it never waits for one.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync
from actions.opswat.rate_headers import read_rate
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from actions.simulator import Simulator
from tests.conftest import point_at
from tests.dispatch.steps import end_pause, paused_for, run
from tests.factories import enrol, make_request, statuses

pytestmark = pytest.mark.django_db

WINDOW = 600.0
Start = Callable[..., Simulator]


@pytest.fixture
def start(settings: Any) -> Iterator[Start]:
    """Start a simulated vendor, ten calls in ten minutes, and point the engine at it."""
    started = []

    def begin(**switches: Any) -> Simulator:
        options: dict[str, Any] = {"devices": 0, "limit": (10, WINDOW)}
        simulator = Simulator(**options | switches)
        simulator.start()
        started.append(simulator)
        point_at(simulator, settings)
        settings.OPSWAT_RATE_LIMIT = (10, WINDOW)
        settings.ENGINE_URGENT_WAIT = 100.0
        return simulator

    yield begin
    for simulator in started:
        simulator.stop()


def calls(vendor: Simulator, api: str) -> list[int]:
    """Return the HTTP codes of the calls of one API."""
    return [call.status for call in vendor.received if call.api == api]


def free_all_slots() -> None:
    VendorCall.objects.update(holds_until=now() - timedelta(seconds=1))


# F1: the token endpoint.


@pytest.mark.parametrize("gateway", [True, False])
@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 406, 410, 413, 415, 451])
def test_f1_every_refusal_of_the_token_pauses_longer_each_time_and_is_told(
    operator, start, signed_in, code, gateway
):
    vendor = start(limit=None)
    enrol(vendor, "kiosk")
    vendor.fault("status", None, "token", code=code, gateway=gateway)
    action_request = make_request(operator, "kiosk")
    pauses = []
    for _ in range(6):
        assert run() == 1
        pauses.append(paused_for())
        assert f"HTTP {code}" in signed_in.get(reverse("overview")).content.decode()
        end_pause()

    assert calls(vendor, "token") == [code] * 6
    assert all(later > 1.5 * earlier for earlier, later in pairwise(pauses[:-1]))
    vendor.clear_faults()
    run()
    assert statuses(action_request) == {"kiosk": S.ACCEPTED}


# F3: a gateway, or a refusal of the call as such, in front of everything.


@pytest.mark.parametrize("gateway", [True, False])
@pytest.mark.parametrize("code", [403, 404, 405, 406, 415, 418, 451])
def test_f3_what_refuses_every_call_fails_no_device_and_is_told(
    operator, start, signed_in, settings, code, gateway
):
    settings.OPSWAT_MAX_DEVICES = 2
    vendor = start(limit=None)
    names = [f"d{number}" for number in range(8)]
    enrol(vendor, *names)
    vendor.fault("status", None, "action", code=code, gateway=gateway)
    action_request = make_request(operator, *names)
    for _ in range(5):
        free_all_slots()
        run()
        end_pause()

    assert set(statuses(action_request).values()) == {S.QUEUED}
    assert calls(vendor, "action") == [code] * 5
    page = signed_in.get(reverse("overview")).content.decode()
    assert f"HTTP {code}" in page
    assert "banner-danger" in page
    vendor.clear_faults()
    for _ in range(4):
        free_all_slots()
        end_pause()
        run()
    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert set(vendor.applied.values()) == {1}


def test_f3_a_gateway_in_front_of_the_lists_ends_no_read(operator, start):
    vendor = start(devices=3, limit=None)
    vendor.fault("status", 3, None, code=403, gateway=True, skip=1)  # The token passes.
    sync, _ = start_sync(operator)
    for _ in range(6):
        run()
        end_pause()
        InventorySync.objects.update(due_at=now() - timedelta(seconds=1))

    sync.refresh_from_db()
    assert (sync.stage, sync.devices_read) == ("done", 3)


# F4: after a 429.

FORMS = [
    *({"reset_time": how} for how in ("up", "down", "zero", "past", "none")),
    *({"reset_time": how, "reset_unit": "epoch"} for how in ("up", "down", "past")),
    *({"rate_headers": "none", "retry_after": form} for form in ("none", "seconds", "date")),
]


def use_up(vendor: Simulator, times: int = 10) -> None:
    """Let another program with the same account make so many calls."""
    for _ in range(times):
        vendor._handler._limiters[""].arrive()


@pytest.mark.parametrize("switches", FORMS, ids=str)
def test_f4_after_a_429_one_probe_goes_whatever_the_reset_time_says(operator, start, switches):
    vendor = start(**switches, limit=(10, WINDOW))
    enrol(vendor, "a", "b", "c")
    use_up(vendor)
    for name, kind in (("a", "exempt"), ("b", "unexempt"), ("c", "delete")):
        make_request(operator, name, kind=kind)

    assert run() == 1  # The call for the token is refused, and nothing goes behind it.
    first = paused_for()
    assert first > WINDOW * 0.8
    end_pause()
    assert run() == 1
    assert [call.status for call in vendor.received] == [429, 429]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.9])
def test_f4_a_wait_that_was_rounded_to_nothing_is_a_second_at_least(
    operator, start, settings, seconds
):
    vendor = start(limit=None)
    settings.OPSWAT_RATE_LIMIT = (10, 6.0)
    enrol(vendor, "kiosk")
    vendor.fault("throttled", None, "action", reset=seconds)
    make_request(operator, "kiosk")
    for _ in range(3):
        run()
        assert paused_for() > 0.7
        end_pause()


@pytest.mark.parametrize("switches", [f for f in FORMS if "reset_time" in f], ids=str)
def test_f4_refused_calls_hold_no_slots_of_the_next_window(operator, start, switches):
    """The reset time is told, so the refused calls free their slots with it, not a window later."""
    vendor = start(**switches, limit=None)
    enrol(vendor, "kiosk")
    told = switches["reset_time"] != "none"
    vendor.fault("throttled", 1, "action", **({"reset": 30} if told else {}))
    make_request(operator, "kiosk")
    run()

    (refused,) = VendorCall.objects.filter(http_status=429)
    assert refused.replied_at
    held = (refused.holds_until - refused.replied_at).total_seconds()
    assert (held == 30.0) if told else (held > WINDOW)


# F6: another program with the same account.


def test_f6_our_own_refused_calls_hide_no_foreign_ones(operator, start):
    vendor = start()
    enrol(vendor, "a")
    make_request(operator, "a")
    dispatcher.step()  # The token.
    use_up(vendor, 9)
    dispatcher.step()
    assert [call.status for call in vendor.received] == [200, 429]

    # Its refused call still holds a slot when, in the next window, others have made four calls.
    end_pause()
    vendor._handler._limiters[""]._arrivals.clear()
    VendorCall.objects.exclude(http_status=429).update(holds_until=now() - timedelta(seconds=1))
    use_up(vendor, 4)
    dispatcher.step()

    assert [call.status for call in vendor.received] == [200, 429, 200]
    held = VendorCall.objects.filter(holds_until__gt=now())
    assert held.filter(http_status=429).exists()
    assert held.filter(state=CallState.FOREIGN).count() == 4


# F11: Retry-After.


@pytest.mark.parametrize("as_date", [True, False])
@pytest.mark.parametrize(
    ("fault", "code"), [("throttled", 429), *(("status", c) for c in (503, 500, 403))]
)
@pytest.mark.parametrize("api", ["action", "token"])
def test_f11_retry_after_is_obeyed_whatever_refuses(operator, start, fault, code, as_date, api):
    vendor = start(limit=None, rate_headers="none")
    enrol(vendor, "kiosk")
    more = {} if fault == "throttled" else {"code": code}
    vendor.fault(fault, 1, api, gateway=True, retry_after=200, as_date=as_date, **more)
    make_request(operator, "kiosk")

    run()

    assert calls(vendor, api) == [code]
    assert 190 < paused_for() <= 201


def test_f11_an_endless_retry_after_is_obeyed_for_two_windows_at_most(operator, start):
    vendor = start(limit=None)
    enrol(vendor, "kiosk")
    vendor.fault("status", 1, code=503, gateway=True, retry_after=86_400)
    make_request(operator, "kiosk")

    run()

    assert WINDOW < paused_for() <= 2 * WINDOW
    assert VendorAccount.objects.get().open_until


@given(reset=st.text(max_size=20), retry=st.text(max_size=40))
def test_f11_no_header_makes_a_wait_that_is_no_number_of_seconds(reset, retry):
    rate = read_rate({"X-RateLimit-Reset-Time": reset, "Retry-After": retry})
    assert rate.wait is None or rate.wait >= 0
