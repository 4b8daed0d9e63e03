"""The rate limit: counted on arrival, over all APIs, in a sliding window; and its headers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from actions.simulator.limiter import Limiter

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset-Time")


def test_ten_calls_are_allowed_and_the_eleventh_is_a_429(start):
    vendor = start(limit=(10, 60.0))
    with ThreadPoolExecutor(11) as pool:
        codes = sorted(
            reply.status for reply in pool.map(vendor.action, ["exempt"] * 11, "abcdefghijk")
        )
    assert codes == [200] * 10 + [429]
    at = [entry.at for entry in vendor.sim.received]
    assert at == sorted(at)


def test_a_throttled_call_has_no_effect_and_uses_up_no_fault(start):
    vendor = start(limit=(1, 60.0))
    device = vendor.sim.add_device()
    assert vendor.action("exempt", "nobody").status == 200
    vendor.sim.fault("html")
    assert vendor.action("exempt", device.device_id).status == 429
    assert vendor.sim.applied == {}
    assert len(vendor.sim._handler.faults.pending()) == 1


def test_calls_refused_for_other_reasons_count(start):
    vendor = start(limit=(5, 60.0))
    codes = [
        vendor.raw("GET", "/o/nothing").status,
        vendor.get("/o/api/v3.7/devices").status,
        vendor.post("/o/api/v3.7/devices", {"limit": 51}).status,
        vendor.log_in(client_secret="wrong").status,
        vendor.log_in().status,
        vendor.log_in().status,
    ]
    assert codes == [404, 405, 406, 401, 200, 429]


def test_token_calls_can_be_exempt_from_the_limit(start):
    vendor = start(limit=(1, 60.0), token_counts=False)
    assert [vendor.log_in().status for _ in range(3)] == [200] * 3
    assert vendor.action("exempt", "a").status == 200
    assert vendor.action("exempt", "a").status == 429
    assert vendor.sim.received[0].api == "token"


def test_each_api_can_have_its_own_counter(start):
    vendor = start(limit=(1, 60.0), counter="per_api")
    assert vendor.action("exempt", "a").status == 200
    assert vendor.post("/o/api/v3/groups", {}).status == 200
    assert vendor.action("exempt", "a").status == 429


def test_the_rate_headers_count_down(start):
    vendor = start(limit=(2, 30.0))
    replies = [vendor.action("exempt", "a") for _ in range(3)]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["1", "0", "0"]
    for reply in replies:
        assert reply.headers["X-RateLimit-Limit"] == "2"
        assert 29 <= int(reply.headers["X-RateLimit-Reset-Time"]) <= 30
        assert reply.headers["Retry-After"] is None


def test_the_reset_header_can_be_unix_time(start):
    vendor = start(limit=(2, 30.0), reset_unit="epoch")
    reset = int(vendor.action("exempt", "a").headers["X-RateLimit-Reset-Time"])
    assert 28 <= reset - time.time() <= 32


@pytest.mark.parametrize(("where", "shown"), [("all", [3, 3]), ("429", [0, 3]), ("none", [0, 0])])
def test_a_switch_selects_the_replies_with_rate_headers(start, where, shown):
    vendor = start(limit=(1, 60.0), rate_headers=where)
    replies = [vendor.action("exempt", "a") for _ in range(2)]
    assert [sum(name in reply.headers for name in HEADERS) for reply in replies] == shown


class Clock:
    """A clock that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def grants(limiter, clock, *times):
    """Count a call at each of the times and return which ones are allowed."""
    verdicts = []
    for at in times:
        clock.now = 1000.0 + at
        verdicts.append(limiter.arrive())
    return [verdict.allowed for verdict in verdicts]


def test_a_sliding_window_frees_a_slot_when_the_oldest_call_expires():
    clock = Clock()
    limiter = Limiter((2, 60.0), clock=clock)
    assert grants(limiter, clock, 0, 50, 59.9, 60, 60.1) == [True, True, False, True, False]
    assert grants(limiter, clock, 109.9, 110, 119.9, 120) == [False, True, False, True]


def test_the_reset_is_the_time_until_the_next_free_slot():
    clock = Clock()
    limiter = Limiter((2, 60.0), clock=clock)
    assert [limiter.arrive().reset_after for _ in range(2)] == [60.0, 60.0]
    clock.now += 45
    verdict = limiter.arrive()
    assert (verdict.allowed, verdict.remaining, verdict.reset_after) == (False, 0, 15.0)


def test_calls_are_allowed_again_after_a_short_window(start):
    vendor = start(limit=(1, 0.3))
    end = time.monotonic() + 10
    while time.monotonic() < end and len([e for e in vendor.sim.received if e.status == 200]) < 3:
        vendor.action("exempt", "a")
    passed = [entry.at for entry in vendor.sim.received if entry.status == 200]
    assert len(passed) == 3
    assert all(later - first >= 0.3 for first, later in pairwise(passed))


def test_no_sliding_window_exceeds_the_limit():
    limiter = Limiter((5, 0.05))
    granted: list[float] = []
    lock = threading.Lock()

    def hammer() -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            verdict = limiter.arrive()
            if verdict.allowed:
                with lock:
                    granted.append(verdict.at)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(hammer) for _ in range(4)]:
            done.result()
    granted.sort()
    assert len(granted) >= 20
    assert all(later - first >= 0.05 for first, later in zip(granted, granted[5:], strict=False))


def test_a_fixed_window_allows_twice_the_limit_at_its_boundary():
    clock = Clock()
    limiter = Limiter((2, 60.0), fixed=True, clock=clock)
    assert grants(limiter, clock, 58, 59, 59.5) == [True, True, False]
    assert grants(limiter, clock, 60, 61, 62, 119) == [True, True, False, False]
    assert limiter.arrive().reset_after == 1.0


def test_throttled_calls_can_count():
    clock = Clock()
    limiter = Limiter((1, 60.0), throttled_counts=True, clock=clock)
    assert grants(limiter, clock, 0, 40, 80, 140) == [True, False, False, True]


@pytest.mark.parametrize("limit", [(0, 60.0), (10, 0.0)])
def test_an_empty_limit_is_refused(limit):
    with pytest.raises(ValueError, match="at least one call"):
        Limiter(limit)
