"""Each fault has its effect on the connection, and the log shows which actions took effect."""

import http.client
import io
import time
import zipfile
from contextlib import suppress

import pytest

from actions.simulator import FAULTS

ACTION = "/o/api/v3.1/devices/action"


def cut_off(vendor, device, timeout=2.0):
    """Delete a device and expect no answer."""
    with pytest.raises((http.client.HTTPException, OSError)):
        vendor.action("delete", device.device_id, timeout=timeout)


@pytest.mark.parametrize(
    ("name", "applied"),
    [
        ("cut_before", 0),
        ("cut_after", 1),
        ("timeout_before", 0),
        ("timeout_after", 1),
        ("cut_body", 1),
    ],
)
def test_a_call_without_a_complete_answer_is_applied_by_the_faults_name(vendor, name, applied):
    device = vendor.sim.add_device()
    vendor.sim.fault(name)
    cut_off(vendor, device, timeout=0.5)
    assert vendor.sim.applied["delete", device.device_id] == applied
    assert (device.device_id in vendor.sim.devices) == (not applied)
    entry = vendor.sim.received[-1]
    assert (entry.fault, entry.status) == (name, 200 if name == "cut_body" else 0)
    assert entry.applied == ((device.device_id,) if applied else ())
    assert vendor.action("exempt", "a").status == 200


@pytest.mark.parametrize("name", ["timeout_before", "timeout_after"])
def test_a_held_call_is_closed_without_an_answer(vendor, name):
    vendor.sim.fault(name, seconds=0.1)
    started = time.monotonic()
    with pytest.raises(http.client.RemoteDisconnected):
        vendor.action("exempt", "a")
    assert 0.09 <= time.monotonic() - started < 1.0


def test_cut_body_sends_half_of_the_content_length(vendor):
    vendor.sim.fault("cut_body")
    with pytest.raises(http.client.IncompleteRead) as caught:
        vendor.action("exempt", "a" * 32)
    assert len(caught.value.partial) == pytest.approx(caught.value.expected or 0, abs=1)


@pytest.mark.parametrize("code", [400, 404, 500, 502, 503])
@pytest.mark.parametrize("apply", [False, True])
def test_a_status_fault_prevents_the_effect_or_not(vendor, code, apply):
    device = vendor.sim.add_device()
    vendor.sim.fault("status", code=code, apply=apply)
    assert vendor.action("exempt", device.device_id).status == code
    assert vendor.sim.applied["exempt", device.device_id] == int(apply)


def test_html_broken_json_and_a_wrong_shape_have_status_200(vendor):
    device = vendor.sim.add_device()
    vendor.sim.fault("html")
    reply = vendor.action("exempt", device.device_id)
    assert (reply.status, reply.headers.get_content_type()) == (200, "text/html")
    assert vendor.sim.applied == {}
    vendor.sim.fault("broken_json")
    reply = vendor.action("exempt", device.device_id)
    assert reply.status == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        reply.json()
    vendor.sim.fault("wrong_shape")
    assert vendor.action("exempt", device.device_id).json() == {"ok": True}
    assert vendor.sim.applied["exempt", device.device_id] == 2


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_has_the_requested_size(vendor, announced):
    vendor.sim.fault("huge", mb=1.5, announced=announced)
    reply = vendor.action("exempt", "a")
    assert len(reply.body) == int(1.5 * 2**20)
    assert ("Content-Length" in reply.headers) == announced
    assert len(reply.json()) == 1


def test_throttled_answers_429_without_effect(start):
    vendor = start(limit=(10, 60.0))
    device = vendor.sim.add_device()
    vendor.sim.fault("throttled", reset=17)
    reply = vendor.action("exempt", device.device_id)
    assert reply.status == 429
    assert reply.headers["X-RateLimit-Reset-Time"] == "17"
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    assert vendor.sim.applied == {}


def test_expired_token_expires_all_tokens(vendor):
    vendor.sim.fault("expired_token")
    assert vendor.action("exempt", "a").status == 401
    assert vendor.action("exempt", "a").status == 401
    vendor.log_in()
    assert vendor.action("exempt", "a").status == 200


def test_redirect_has_the_requested_location(vendor):
    vendor.sim.fault("redirect", location="http://127.0.0.1:1/canary")
    reply = vendor.action("exempt", "a")
    assert (reply.status, reply.headers["Location"]) == (302, "http://127.0.0.1:1/canary")


def test_slow_delays_the_answer_and_late_the_arrival(vendor):
    vendor.sim.fault("slow", seconds=0.1)
    assert vendor.action("exempt", "a").status == 200
    assert time.monotonic() - vendor.sim.received[-1].at >= 0.1
    vendor.sim.fault("late", seconds=0.1)
    started = time.monotonic()
    assert vendor.action("exempt", "a").status == 200
    assert vendor.sim.received[-1].at - started >= 0.1


def test_slow_combines_with_another_fault(vendor):
    vendor.sim.fault("slow", seconds=0.05)
    vendor.sim.fault("html")
    started = time.monotonic()
    assert vendor.action("exempt", "a").headers.get_content_type() == "text/html"
    assert time.monotonic() - started >= 0.05


def test_drip_sends_the_whole_body_slowly(vendor):
    vendor.sim.fault("drip", seconds=0.02, size=10)
    started = time.monotonic()
    reply = vendor.action("exempt", "a" * 32)
    assert reply.json()[0]["id"] == "a" * 32
    assert time.monotonic() - started >= 0.02 * (len(reply.body) // 10)


def test_row_faults_change_the_rows_of_an_action(vendor):
    ids = [vendor.sim.add_device().device_id for _ in range(3)]

    def rows(name, **options):
        vendor.sim.fault(name, **options)
        return [(row["id"], row["status"]) for row in vendor.action("exempt", *ids).json()]

    good = [(one, 1) for one in ids]
    assert rows("missing_rows", count=2) == good[:1]
    assert rows("missing_rows", count=99) == []
    assert rows("doubled_rows") == good + good[:1]
    assert rows("doubled_differing") == [*good, (ids[0], -1)]
    assert rows("reordered") == good[::-1]
    foreign = rows("foreign_rows", count=2)
    assert foreign[:3] == good
    assert not {one for one, _ in foreign[3:]} & set(ids)
    for value in (7, "1", None, 1.0, [1]):
        assert rows("odd_status", value=value) == [(ids[0], value), *good[1:]]
    assert set(vendor.sim.applied.values()) == {11}


def test_row_faults_change_device_lists(vendor):
    vendor.sim.fault("missing_rows", api="devices", count=19)
    page = vendor.post("/o/api/v3.7/devices", {"limit": 50}).json()
    assert len(page["devices"]) == 1
    device = vendor.sim.add_device(status="compliant")
    vendor.sim.fault("doubled_differing", api="detail")
    rows = vendor.post("/o/api/v3.8/devices/detail", {"ids": [device.device_id]}).json()
    assert [row["status"] for row in rows] == ["compliant", "non_compliant"]


def test_a_body_fault_corrupts_a_zip(vendor):
    device = vendor.sim.add_device()
    command_id = vendor.action("fetch_agent_log", device.device_id).json()[0]["command_id"]
    vendor.sim.fault("broken_json", api="reports")
    reply = vendor.get("/o/api/v3.1/get_reports", type="agent_log", command_id=command_id)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(reply.body))


def test_times_skip_api_and_share_select_the_calls(vendor):
    vendor.sim.fault("status", times=2, skip=1, code=503)
    assert [vendor.action("exempt", "a").status for _ in range(4)] == [200, 503, 503, 200]
    vendor.sim.fault("status", api="groups", code=503)
    assert vendor.action("exempt", "a").status == 200
    assert vendor.post("/o/api/v3/groups", {}).status == 503
    vendor.sim.fault("status", times=None, api=None, code=503)
    assert vendor.log_in().status == 503
    assert [vendor.action("exempt", "a").status for _ in range(3)] == [503] * 3
    vendor.sim.clear_faults()
    assert vendor.action("exempt", "a").status == 200
    fault = vendor.sim.fault("status", times=None, share=0.3, code=503)
    codes = [vendor.action("exempt", "a").status for _ in range(100)]
    assert 10 <= codes.count(503) == fault.hits <= 55


def test_faults_apply_in_the_order_of_injection(vendor):
    vendor.sim.fault("status", code=500)
    vendor.sim.fault("status", code=502)
    assert [vendor.action("exempt", "a").status for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("earthquake", {}),
        ("slow", {"second": 1}),
        ("slow", {"seconds": "1"}),
        ("slow", {"seconds": -1}),
        ("html", {"api": "orders"}),
        ("html", {"times": 0}),
        ("html", {"times": True}),
    ],
)
def test_an_invalid_fault_is_refused(vendor, name, options):
    with pytest.raises(ValueError, match=r"no such|has no option|must be"):
        vendor.sim.fault(name, **options)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_after_any_fault_the_next_call_succeeds(vendor, name):
    short = {"seconds": 0.01} if "seconds" in FAULTS[name] else {}
    short |= {"size": 500} if "size" in FAULTS[name] else {}
    vendor.sim.fault(name, api="groups", **short)
    with suppress(http.client.HTTPException, OSError):  # Some faults raise these.
        vendor.post("/o/api/v3/groups", {}, timeout=2.0)
    vendor.log_in()
    assert len(vendor.post("/o/api/v3/groups", {}).json()) == 8
