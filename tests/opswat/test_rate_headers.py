"""The rate limit headers are read in both units; malformed values are ignored."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.payloads import RateLimitStatus, read_rate
from tests.opswat.strategies import steady


def reset_of(text: str) -> float | None:
    return read_rate({"X-RateLimit-Reset-Time": text}).reset_after


def test_plain_numbers_are_read():
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": " 0 "}
    assert read_rate(headers) == RateLimitStatus(limit=10, remaining=0, reset_after=None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("42", 42), ("1.5", 1.5), ("86400", 86400)]
)
def test_a_small_reset_time_is_seconds_to_wait_without_a_cap(text, seconds):
    assert reset_of(text) == seconds


def test_a_large_reset_time_is_a_point_in_unix_time():
    assert reset_of(str(int(time.time()) + 30)) == pytest.approx(30, abs=2)
    assert reset_of(str((int(time.time()) + 30) * 1000)) == pytest.approx(30, abs=2)


def test_a_point_in_the_past_means_now():
    assert reset_of(str(int(time.time()) - 30)) == 0.0
    assert reset_of("1000000001") == 0.0


@pytest.mark.parametrize(
    "text", ["", "-1", "soon", "1e3", "nan", "inf", "0x10", "٣", "9" * 16, "1 2"]
)
def test_a_malformed_header_is_ignored(text):
    assert reset_of(text) is None
    headers = {"X-RateLimit-Limit": text, "X-RateLimit-Remaining": text}
    assert read_rate(headers) == RateLimitStatus()


def test_a_limit_of_millions_is_ignored():
    assert read_rate({"X-RateLimit-Limit": "1000001"}).limit is None


@steady
@given(st.text())
def test_no_header_crashes_the_reading(text):
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset-Time")
    rate = read_rate(dict.fromkeys(names, text))
    assert rate.reset_after is None or rate.reset_after >= 0


def test_f11_retry_after_is_read_in_seconds_and_as_a_date():
    assert read_rate({"Retry-After": "20"}).wait == 20.0
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (read_rate({"Retry-After": later}).wait or 0) <= 100
    assert read_rate({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}).wait == 0.0
    both = {"X-RateLimit-Reset-Time": "3", "Retry-After": "20"}
    assert (read_rate(both).reset_after, read_rate(both).wait) == (3.0, 20.0)
    for odd in ("soon", "", "Wed, 99 Foo 9999", "Fri, 31 Dec 99999 00:00:00 GMT", "-5"):
        assert read_rate({"Retry-After": odd}).wait is None
