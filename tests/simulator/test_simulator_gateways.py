"""Switches for what a vendor or a gateway may do otherwise: rounding, Retry-After, an early end."""

import time
from email.utils import parsedate_to_datetime

import pytest

RESET, RETRY = "X-RateLimit-Reset-Time", "Retry-After"


@pytest.mark.parametrize(
    ("unit", "how", "low", "high"),
    [
        ("seconds", "up", 60, 60),
        ("seconds", "down", 59, 59),
        ("seconds", "zero", 0, 0),
        ("seconds", "past", -30, -30),
        ("epoch", "up", 58, 62),
        ("epoch", "down", 57, 61),
        ("epoch", "past", -33, -27),
    ],
)
def test_the_reset_time_can_be_rounded_down_zero_or_past(start, unit, how, low, high):
    vendor = start(limit=(1, 60.0), reset_unit=unit, reset_time=how)
    vendor.action("exempt", "a")
    reply = vendor.action("exempt", "a")
    assert reply.status == 429
    base = time.time() if unit == "epoch" else 0
    assert low <= int(reply.headers[RESET]) - base <= high


def test_the_reset_time_can_be_absent(start):
    vendor = start(limit=(1, 60.0), reset_time="none")
    reply = vendor.action("exempt", "a")
    assert RESET not in reply.headers
    assert reply.headers["X-RateLimit-Limit"] == "1"


def seconds_of(text):
    if text.isdecimal():
        return int(text)
    return parsedate_to_datetime(text).timestamp() - time.time()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_refused_call_can_have_retry_after(start, form):
    vendor = start(limit=(1, 60.0), retry_after=form, rate_headers="none")
    assert RETRY not in vendor.action("exempt", "a").headers
    reply = vendor.action("exempt", "a")
    assert reply.status == 429
    assert RESET not in reply.headers
    assert reply.headers[RETRY].isdecimal() == (form == "seconds")
    assert 55 <= seconds_of(reply.headers[RETRY]) <= 62


@pytest.mark.parametrize("as_date", [True, False])
@pytest.mark.parametrize(("fault", "code"), [("throttled", 429), ("status", 503)])
def test_a_gateway_answers_with_its_page_retry_after_and_no_rate_headers(
    start, fault, code, as_date
):
    vendor = start()
    more = {"code": code} if fault == "status" else {}
    vendor.sim.fault(fault, gateway=True, retry_after=20, as_date=as_date, **more)
    reply = vendor.action("exempt", "a")
    assert reply.status == code
    assert b"<html>" in reply.body
    assert "X-RateLimit-Limit" not in reply.headers
    assert 15 <= seconds_of(reply.headers[RETRY]) <= 22


def test_faults_can_be_ordered_for_status_change(start):
    vendor = start()
    vendor.sim.fault("status", api="changes", code=404)
    assert vendor.post("/o/api/v3/devices/status_changed", {}).status == 404
    assert vendor.post("/o/api/v3/devices/status_changed", {}).status == 200


def test_the_device_list_can_end_early_once(start):
    vendor = start(devices=30)
    vendor.sim.fault("early_end", api="devices")
    first = vendor.post("/o/api/v3.7/devices", {"limit": 10}).json()
    assert (len(first["devices"]), first["next_token"]) == (10, "")
    assert vendor.post("/o/api/v3.7/devices", {"limit": 10}).json()["next_token"]


@pytest.mark.parametrize(("switch", "code"), [("406", 406), ("400", 400), ("50", 200)])
def test_a_page_of_more_than_fifty_devices_is_answered_as_assumed(start, switch, code):
    vendor = start(devices=60, big_page=switch)
    reply = vendor.post("/o/api/v3.7/devices", {"limit": 51})
    assert reply.status == code
    if code == 200:
        assert len(reply.json()["devices"]) == 50


@pytest.mark.parametrize("verbose", [0, 1])
def test_verbose_of_status_change_is_about_issues_only(start, verbose):
    vendor = start(devices=3)
    device = next(iter(vendor.sim.devices.values()))
    vendor.sim.change_device(device.device_id, status="pending")
    body = {"age": 60, "verbose": verbose}
    (row,) = vendor.post("/o/api/v3/devices/status_changed", body).json()["monitored_devices"]
    assert row["status_detail"] == {}
    assert row["device_name"] == device.device_name
    assert ("issue" in row) == bool(verbose)
