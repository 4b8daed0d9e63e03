"""The generated fleet: reproducible, realistic shares, small in memory, with hostile names."""

import sys
from collections import Counter
from dataclasses import fields, replace

import pytest

from actions.simulator import SimDevice
from actions.simulator.fleet import make_fleet, make_groups
from actions.simulator.names import HOSTILE_NAMES

NOW = 1_790_000_000.0


def test_the_same_seed_gives_the_same_fleet():
    assert make_fleet(300, 7, NOW) == make_fleet(300, 7, NOW)
    assert make_fleet(300, 7, NOW).keys() != make_fleet(300, 8, NOW).keys()


def test_now_only_shifts_the_times():
    def bare(device: SimDevice) -> SimDevice:
        return replace(device, enrolled_at=0, last_seen=0, last_reboot=0, exempted_until=None)

    early, late = make_fleet(300, 7, NOW), make_fleet(300, 7, NOW + 86400)
    assert [bare(device) for device in early.values()] == [bare(d) for d in late.values()]


def test_ids_are_32_hex_digits_in_the_order_of_enrollment():
    fleet = make_fleet(500, 7, NOW)
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in fleet)
    times = [device.enrolled_at for device in fleet.values()]
    assert times == sorted(times)
    assert all(d.enrolled_at <= d.last_seen <= NOW for d in fleet.values())
    assert all(d.enrolled_at <= d.last_reboot <= d.last_seen for d in fleet.values())


def test_statuses_have_their_configured_shares():
    counted = Counter(device.status for device in make_fleet(20_000, 7, NOW).values())
    shares = {"compliant": 62, "non_compliant": 17, "exempted": 5, "unknown": 8}
    shares |= {"ignored": 3, "out_of_license_usage": 3, "installed": 1}
    for status, share in shares.items():
        assert counted[status] / 200 == pytest.approx(share, abs=1)
    assert {"pending", "quarantined"} < counted.keys()


def test_the_fields_of_a_device_are_consistent():
    fleet = make_fleet(5000, 7, NOW).values()
    groups = make_groups()
    assert len(groups) == 8
    for device in fleet:
        assert device.group_id in groups
        assert 1 <= len(device.macs) <= 2
        assert all(len(mac) == 17 and mac == mac.upper() for mac in device.macs)
        if device.status in {"unknown", "ignored"}:
            assert device.agent_type == device.agent_version == ""
        elif device.os_family in {"ios", "android"}:
            assert device.agent_type == "mobile"
        elif device.agent_type == "persistent":
            first = {"windows": "7.", "mac": "10.", "linux": "15."}[device.os_family]
            assert device.agent_version.startswith(first)
    agents = {device.agent_type for device in fleet}
    assert agents == {"", "persistent", "mobile", "on_demand", "domain_controller"}
    assert {d.device_type for d in fleet} == {
        "desktop",
        "laptop",
        "phone",
        "tablet",
        "server",
        "vm",
    }
    silent = sum(NOW - device.last_seen > 30 * 86400 for device in fleet) / len(fleet)
    assert 0.01 < silent < 0.06
    assert any(device.host_name == "<private>" for device in fleet)


def test_only_a_few_cloned_machines_share_a_mac():
    fleet = list(make_fleet(5000, 7, NOW).values())
    owners = Counter(mac for device in fleet for mac in device.macs)
    assert sum(count > 1 for count in owners.values()) == 5
    assert max(owners.values()) == 2
    small = make_fleet(900, 7, NOW).values()
    assert max(Counter(mac for device in small for mac in device.macs).values()) == 1


def test_hostile_names_are_in_large_fleets_or_on_request():
    def names(count: int, hostile: bool | None = None) -> set[str]:
        return {device.device_name for device in make_fleet(count, 7, NOW, hostile).values()}

    assert set(HOSTILE_NAMES) <= names(100)
    assert not set(HOSTILE_NAMES) & names(99)
    assert not set(HOSTILE_NAMES) & names(500, False)
    assert set(HOSTILE_NAMES) <= names(30, True)
    assert make_fleet(0, 7, NOW) == {}


def test_a_device_uses_little_memory():
    device = next(iter(make_fleet(1, 7, NOW).values()))
    assert not hasattr(device, "__dict__")
    size = sys.getsizeof(device)
    size += sum(sys.getsizeof(getattr(device, field.name)) for field in fields(device))
    assert size < 4000  # 100,000 of them in 400 MB
