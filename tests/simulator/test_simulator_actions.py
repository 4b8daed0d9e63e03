"""Device Action: which devices support an action, its effect, and refused calls."""

import re
import time
from typing import Any

import pytest

ACTION = "/o/api/v3.1/devices/action"
DAYS = 86400.0


def test_the_documented_example_gets_the_documented_rows(vendor):
    good = vendor.sim.add_device()
    unknown = vendor.sim.add_device(status="unknown")

    reply = vendor.action("exempt", good.device_id, unknown.device_id, "device789", exempt_time=60)

    assert reply.status == 200
    assert reply.json() == [
        {"id": good.device_id, "status": 1, "command_id": ""},
        {"id": unknown.device_id, "status": 0, "command_id": ""},
        {"id": "device789", "status": -1, "command_id": ""},
    ]
    assert vendor.sim.applied == {("exempt", good.device_id): 1}
    assert vendor.sim.received[-1].applied == (good.device_id,)


@pytest.mark.parametrize("status", ["unknown", "ignored", "out_of_license_usage"])
@pytest.mark.parametrize("kind", ["exempt", "unexempt", "re-identify"])
def test_devices_outside_the_policy_are_not_supported(vendor, kind, status):
    device = vendor.sim.add_device(status=status)
    assert vendor.status(kind, device) == 0
    assert vendor.sim.applied == {}
    assert device.status == status


@pytest.mark.parametrize(
    ("kind", "status", "answer"),
    [
        ("ignore", "unknown", 1),
        ("ignore", "compliant", 0),
        ("ignore", "ignored", 0),
        ("unignore", "ignored", 1),
        ("unignore", "unknown", 0),
        ("delete", "out_of_license_usage", 1),
        ("delete", "pending", 1),
    ],
)
def test_the_status_decides_ignore_unignore_and_delete(vendor, kind, status, answer):
    assert vendor.status(kind, vendor.sim.add_device(status=status)) == answer


@pytest.mark.parametrize(
    ("kind", "agent", "version", "answer"),
    [
        ("dhcprenew", "persistent", "v3.1", 1),
        ("dhcprenew", "on_demand", "v3.1", 0),
        ("dhcprenew", "mobile", "v3.1", 0),
        ("dhcprenew", "domain_controller", "v3.1", 0),
        ("assign_to_group", "domain_controller", "v3.1", 0),
        ("assign_to_group", "mobile", "v3.1", 1),
        ("exempt", "domain_controller", "v3.1", 1),
        ("exempt", "domain_controller", "v3.2", 0),
        ("unexempt", "domain_controller", "v3.3", 0),
        ("re-identify", "on_demand", "v3.1", 1),
        ("re-identify", "on_demand", "v3.2", 0),
        ("re-identify", "mobile", "v3.2", 1),
        ("fetch_agent_log", "on_demand", "v3.1", 0),
        ("scan_threats", "mobile", "v3.3", 0),
    ],
)
def test_agent_type_and_api_version_decide_support(vendor, kind, agent, version, answer):
    device = vendor.sim.add_device(agent_type=agent)
    assert vendor.status(kind, device, version=version) == answer


@pytest.mark.parametrize(
    ("kind", "family", "agent_version", "answer"),
    [
        ("fetch_agent_log", "windows", "7.6.231.0", 1),
        ("fetch_agent_log", "windows", "7.6.230.9", 0),
        ("fetch_agent_log", "windows", "7.10.0.0", 1),
        ("fetch_agent_log", "mac", "10.4.225.0", 1),
        ("fetch_agent_log", "mac", "10.4.224.9", 0),
        ("fetch_agent_log", "linux", "15.6.88.0", 0),
        ("fetch_agent_log", "windows", "", 0),
        ("fetch_agent_log", "windows", "7.6.231", 0),
        ("re-identify", "windows", "7.6.71.0", 1),
        ("re-identify", "windows", "7.6.70.0", 0),
        ("re-identify", "mac", "10.4.123.0", 1),
        ("re-identify", "linux", "15.6.88.0", 0),
        ("scan_threats", "windows", "7.6.206.0", 1),
        ("scan_threats", "mac", "10.4.204.0", 0),
    ],
)
def test_agent_versions_are_compared_numerically(vendor, kind, family, agent_version, answer):
    device = vendor.sim.add_device(os_family=family, agent_version=agent_version)
    assert vendor.status(kind, device, version="v3.3") == answer


def test_an_expired_exemption_restores_the_former_status(start):
    vendor = start(hour_seconds=0.05)
    device = vendor.sim.add_device(status="non_compliant")
    assert vendor.status("exempt", device, exempt_time=1) == 1
    assert device.status == "exempted"

    time.sleep(0.06)

    row = vendor.post("/o/api/v3.8/devices/detail", {"ids": [device.device_id]}).json()[0]
    assert row["status"] == "non_compliant"


def test_unexempt_restores_the_status_before_the_exemption(vendor):
    device = vendor.sim.add_device(status="quarantined")
    vendor.status("exempt", device)
    assert (device.status, device.exempted_until) == ("exempted", None)
    vendor.status("exempt", device, exempt_time=5)
    assert device.exempted_until == pytest.approx(time.time() + 5 * 3600, abs=5)
    assert vendor.status("unexempt", device) == 1
    assert (device.status, device.exempted_until) == ("quarantined", None)


def test_each_action_has_its_effect(vendor):
    sim = vendor.sim
    found, gone = sim.add_device(status="unknown"), sim.add_device()
    moved, asked = sim.add_device(), sim.add_device()
    vendor.status("ignore", found)
    assert found.status == "ignored"
    vendor.status("unignore", found)
    assert found.status == "unknown"
    vendor.status("delete", gone)
    assert gone.device_id not in sim.devices
    assert vendor.status("delete", gone) == -1
    vendor.status("assign_to_group", moved, group_id="5b1f0c6e9c")
    assert moved.group_id == "5b1f0c6e9c"
    vendor.status("assign_to_group", moved)
    assert moved.group_id == "default"
    vendor.status("dhcprenew", asked)
    vendor.status("re-identify", asked)
    assert (asked.dhcp_renewals, asked.reidentifications) == (1, 1)


def test_only_agent_actions_fail_for_a_silent_agent(vendor):
    device = vendor.sim.add_device(last_seen=time.time() - 31 * DAYS)
    assert vendor.status("dhcprenew", device) == -1
    assert vendor.status("fetch_agent_log", device) == -1
    assert vendor.status("exempt", device) == 1
    assert vendor.sim.applied == {("exempt", device.device_id): 1}


def test_only_fetch_agent_log_returns_a_command_id(vendor):
    device = vendor.sim.add_device()
    row = vendor.action("fetch_agent_log", device.device_id).json()[0]
    assert re.fullmatch(r"[a-z0-9]{17}", row["command_id"])
    assert vendor.action("dhcprenew", device.device_id).json()[0]["command_id"] == ""
    linux = vendor.sim.add_device(os_family="linux", agent_version="15.6.88.0")
    assert vendor.action("fetch_agent_log", linux.device_id).json()[0]["command_id"] == ""


@pytest.mark.parametrize("mac", ["1A:2A:3A:4A:5A:6A", "1a:2a:3a:4a:5a:6a", "1A-2a-3A-4a-5A-6a"])
def test_a_mac_matches_in_any_case_and_is_echoed_as_sent(vendor, mac):
    device = vendor.sim.add_device(macs=("00:00:00:00:00:01", "1A:2A:3A:4A:5A:6A"))
    rows = vendor.action("exempt", macs=[mac]).json()
    assert rows == [{"id": mac, "status": 1, "command_id": ""}]
    assert device.status == "exempted"


@pytest.mark.parametrize("mac", ["1A2A3A4A5A6A", "1A:2A:3A:4A:5A", "1A:2A:3A-4A:5A:6A", "nonsense"])
def test_a_malformed_mac_matches_no_device(vendor, mac):
    vendor.sim.add_device(macs=("1A:2A:3A:4A:5A:6A",))
    assert vendor.action("exempt", macs=[mac]).json()[0]["status"] == -1


def test_a_shared_mac_selects_the_device_last_seen(vendor):
    mac = ("1A:2A:3A:4A:5A:6A",)
    fresh = vendor.sim.add_device(macs=mac)
    vendor.sim.add_device(macs=mac, last_seen=fresh.last_seen - 60)
    vendor.action("delete", macs=list(mac))
    assert vendor.sim.applied == {("delete", fresh.device_id): 1}


def test_macs_sent_as_ids_are_unknown_ids(vendor):
    device = vendor.sim.add_device(macs=("1A:2A:3A:4A:5A:6A",))
    assert vendor.action("exempt", *device.macs).json()[0]["status"] == -1


def test_a_duplicate_id_is_applied_once_and_answered_twice(start):
    vendor = start()
    device = vendor.sim.add_device()
    rows = vendor.action("delete", device.device_id, device.device_id).json()
    assert [row["status"] for row in rows] == [1, 1]
    assert vendor.sim.applied == {("delete", device.device_id): 1}

    merged = start(doubled_ids="merged")
    device = merged.sim.add_device()
    assert len(merged.action("delete", device.device_id, device.device_id).json()) == 1


def test_two_macs_of_one_device_apply_the_action_once(vendor):
    macs = ("1A:2A:3A:4A:5A:6A", "1B:2B:3B:4B:5B:6B")
    device = vendor.sim.add_device(macs=macs)
    rows = vendor.action("delete", macs=list(macs)).json()
    assert [row["status"] for row in rows] == [1, 1]
    assert vendor.sim.applied == {("delete", device.device_id): 1}


@pytest.mark.parametrize(
    "body",
    [
        {"ids": ["a"]},
        {"types": ["exempt"], "ids": ["a"]},
        {"types": "renew", "ids": ["a"]},
        {"types": "EXEMPT", "ids": ["a"]},
        {"types": "scan_threats", "ids": ["a"]},
        {"types": "", "ids": ["a"]},
        {"types": None, "ids": ["a"]},
        {"types": "exempt"},
        {"types": "exempt", "ids": ["a"], "macs": ["1A:2A:3A:4A:5A:6A"]},
        {"types": "exempt", "ids": ["a"], "macs": []},
        {"types": "exempt", "ids": []},
        {"types": "exempt", "macs": []},
        {"types": "exempt", "ids": "a"},
        {"types": "exempt", "ids": [1]},
        {"types": "exempt", "ids": [""]},
        {"types": "exempt", "ids": None},
        {"types": "exempt", "ids": ["a"], "params": []},
        {"types": "exempt", "ids": ["a"], "params": None},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": "5"}},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": 5.0}},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": True}},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": -1}},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": 65000}},
        {"types": "exempt", "ids": ["a"], "params": {"exempt_time": None}},
        {"types": "assign_to_group", "ids": ["a"], "params": {"group_id": 7}},
        {"types": "exempt", "ids": [str(n) for n in range(51)]},
        ["exempt"],
        "exempt",
    ],
)
def test_an_invalid_body_is_a_400(vendor, body):
    reply = vendor.post(ACTION, body)
    assert reply.status == 400
    assert vendor.sim.applied == {}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"types": NaN}', b"[" * 100_000])
def test_invalid_json_is_a_400(vendor, raw):
    assert vendor.post(ACTION, raw).status == 400


def test_the_maximum_exempt_time_and_fifty_ids_are_accepted(vendor):
    assert vendor.action("exempt", "a", exempt_time=64999).status == 200
    assert len(vendor.action("exempt", *map(str, range(50))).json()) == 50


def test_version_3_0_has_neither_fetch_agent_log_nor_command_ids(vendor):
    device = vendor.sim.add_device()
    assert vendor.action("fetch_agent_log", device.device_id, version="v3").status == 400
    rows = vendor.action("exempt", device.device_id, version="v3").json()
    assert rows == [{"id": device.device_id, "status": 1}]
    assert vendor.action("exempt", device.device_id, version="v3.0").status == 404


@pytest.mark.parametrize("params", [{"full_scan": 2}, {"scan_types": 1}, {"scan_types": [6]}])
def test_the_documented_scan_parameters_are_validated(vendor, params):
    device = vendor.sim.add_device()
    assert vendor.action("scan_threats", device.device_id, version="v3.3", **params).status == 400
    good: dict[str, Any] = {"full_scan": 0, "scan_types": [0, 5]}
    rows = vendor.action("scan_threats", device.device_id, version="v3.3", **good).json()
    assert len(rows[0]["command_id"]) == 17
