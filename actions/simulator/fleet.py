"""Generate the devices and groups of a simulated account; the same seed gives the same fleet."""

import random
from dataclasses import dataclass
from itertools import repeat

from actions.simulator.names import (
    DEPARTMENTS,
    FIRST_NAMES,
    HOSTILE_NAMES,
    LAST_NAMES,
    MAC_PREFIXES,
    NAMED_AFTER_PERSON,
    PROFILES,
    SITE_BY_CODE,
    SITES,
    STATUS_SHARES,
    Profile,
    Site,
)

DAY = 86400.0
ENROLLMENT_SPAN = 900 * DAY
MIN_HOSTILE_FLEET = 100  # Smaller fleets are those of tests, which set their own names.
AGENTLESS = frozenset({"unknown", "ignored"})


@dataclass(slots=True)
class SimDevice:
    """One device in the vendor's records; times are seconds since the epoch."""

    device_id: str
    host_name: str = "host"
    device_name: str = "host"
    nickname: str = ""
    device_type: str = "laptop"
    os_family: str = "windows"
    os_name: str = "Windows 11 Pro"
    os_version: str = "10.0.22631"
    agent_type: str = "persistent"
    agent_version: str = "7.6.711.0"
    status: str = "compliant"
    status_before: str = "compliant"  # restored when an exemption ends
    severity: str = "no_issues"
    critical_issues: int = 0
    warning_issues: int = 0
    group_id: str = "default"
    user_name: str = ""
    domain: str = ""
    macs: tuple[str, ...] = ()
    ipv4: str = "10.0.0.1"
    public_ip: str = "203.0.113.1"
    site: str = "FRA"
    enrolled_at: float = 0.0
    last_seen: float = 0.0
    last_reboot: float = 0.0
    changed_at: float = 0.0  # for Status Change; 0: not since the start
    exempted_until: float | None = None  # None while exempted: permanent
    forced_status: int | None = None  # set by tests: answer this, apply nothing
    dhcp_renewals: int = 0
    reidentifications: int = 0
    logs_fetched: int = 0
    scans: int = 0


@dataclass(slots=True)
class SimGroup:
    """A device group of the account."""

    group_id: str
    name: str
    domain_name: str = ""
    policy_id: str = "p-standard"
    policy_name: str = "Standard policy"
    description: str = ""


def make_groups() -> dict[str, SimGroup]:
    """Return the eight groups; the vendor assigns `default` if a call names no group."""
    rows = (
        ("default", "Default", "Standard policy"),
        ("5b1f0c6e9a", "Engineering", "Developer policy"),
        ("5b1f0c6e9b", "Finance & Legal", "Strict policy"),
        ("5b1f0c6e9c", "Servers", "Server policy"),
        ("5b1f0c6e9d", "Factory floor", "Standard policy"),
        ("5b1f0c6e9e", "Contractors", "Strict policy"),
        ("5b1f0c6e9f", "Mobile", "Mobile policy"),
        ("5b1f0c6ea0", "Quarantine", "Strict policy"),
    )
    groups = {}
    for group_id, name, policy in rows:
        policy_id = "p-" + policy.split()[0].lower()
        groups[group_id] = SimGroup(group_id, name, policy_id=policy_id, policy_name=policy)
    return groups


_DEPARTMENT_GROUP = {"ENG": "5b1f0c6e9a", "LAB": "5b1f0c6e9a", "FIN": "5b1f0c6e9b"}
_DEPARTMENT_GROUP |= {"LEG": "5b1f0c6e9b", "MFG": "5b1f0c6e9d", "LOG": "5b1f0c6e9d"}
# Indexing an expanded table is several times faster than random.choices with weights.
_PROFILE_POOL = tuple(profile for profile in PROFILES for _ in repeat(None, profile.share))
_STATUS_POOL = tuple(status for status, share in STATUS_SHARES for _ in repeat(None, share))


def make_fleet(
    count: int, seed: int, now: float, hostile_names: bool | None = None
) -> dict[str, SimDevice]:
    """Generate `count` devices in the order of their enrollment.

    `now` (Unix time) only shifts the times. `hostile_names` adds HOSTILE_NAMES; None adds them to
    a fleet of at least MIN_HOSTILE_FLEET devices.
    """
    rng = random.Random(seed)
    fleet: dict[str, SimDevice] = {}
    for number in range(count):
        device = _make_device(rng, number)
        device.enrolled_at = now - ENROLLMENT_SPAN * (1.0 - (number + rng.random()) / count)
        _draw_times(rng, device, now)
        fleet[device.device_id] = device
    if hostile_names or (hostile_names is None and count >= MIN_HOSTILE_FLEET):
        _name_hostile(list(fleet.values()))
    _share_macs(list(fleet.values()))
    return fleet


def _make_device(rng: random.Random, number: int) -> SimDevice:
    draw = rng.random
    profile = _PROFILE_POOL[int(draw() * len(_PROFILE_POOL))]
    site = SITES[int(draw() * len(SITES))]
    department = DEPARTMENTS[int(draw() * len(DEPARTMENTS))]
    system = profile.systems[int(draw() * len(profile.systems))]
    first = FIRST_NAMES[int(draw() * len(FIRST_NAMES))]
    host_name, device_name = _names(profile, site, department, first, number)
    device = SimDevice(
        device_id=f"{rng.getrandbits(128):032x}",
        host_name="<private>" if draw() < 0.006 else host_name,
        device_name=device_name,
        device_type=profile.device_type,
        os_family=profile.os_family,
        os_name=system[0],
        os_version=system[1],
        agent_type=profile.agent_type,
        agent_version=profile.agents[int(draw() * len(profile.agents))],
        group_id=_group(profile, department),
        site=site.code,
    )
    _draw_network(rng, device, profile, number)
    _draw_user(rng, device, first)
    _draw_status(rng, device)
    return device


def _names(
    profile: Profile, site: Site, department: str, first: str, number: int
) -> tuple[str, str]:
    if profile.code in NAMED_AFTER_PERSON:
        kind = {"MB": "MacBook Pro", "IM": "iMac"}.get(profile.code, profile.code)
        host = f"{first}s-{kind.replace(' ', '-')}-{number}"
        return host, f"{first}'s {kind}"
    name = f"{site.code}-{department}-{profile.code}-{number:05d}"
    return name, name


def _group(profile: Profile, department: str) -> str:
    if profile.agent_type == "mobile":
        return "5b1f0c6e9f"
    if profile.agent_type == "on_demand":
        return "5b1f0c6e9e"
    if profile.device_type in {"server", "vm"}:
        return "5b1f0c6e9c"
    return _DEPARTMENT_GROUP.get(department, "default")


def _draw_network(rng: random.Random, device: SimDevice, profile: Profile, number: int) -> None:
    bits = rng.getrandbits(48)
    serial = number * 0x9E3779 & 0xFFFFFF  # An odd factor gives each number its own last bytes.
    tail = f"{serial >> 16:02X}:{serial >> 8 & 255:02X}:{serial & 255:02X}"
    device.macs = (f"{MAC_PREFIXES[profile.code]}:{tail}",)
    if profile.device_type == "laptop" and bits >> 47:
        device.macs += (f"48:2A:E3:{tail}",)
    device.ipv4 = f"10.{bits >> 24 & 63}.{bits >> 30 & 255}.{1 + (bits >> 38 & 255) % 253}"
    device.public_ip = f"{SITE_BY_CODE[device.site].public_prefix}{1 + (bits >> 16 & 31)}"


def _draw_user(rng: random.Random, device: SimDevice, first: str) -> None:
    draw = rng.random
    if device.device_type in {"server", "vm"}:
        device.user_name = "Administrator" if device.os_family == "windows" else "root"
    else:
        last = LAST_NAMES[int(draw() * len(LAST_NAMES))]
        device.user_name = f"{first}.{last}".lower()
        if draw() < 0.05:
            device.nickname = f"{first} {last}"
    device.domain = "CORP" if device.os_family == "windows" else ""


def _draw_status(rng: random.Random, device: SimDevice) -> None:
    draw = rng.random
    status = device.status = _STATUS_POOL[int(draw() * len(_STATUS_POOL))]
    chance = draw()
    if status in {"non_compliant", "exempted", "quarantined"}:
        device.severity, device.critical_issues = "critical", 1 + int(chance * 4)
        device.warning_issues = int(draw() * 5)
        device.status_before = "non_compliant"
    elif status == "compliant" and chance < 0.35:
        device.severity, device.warning_issues = "warning", 1 + int(draw() * 5)
    if status in AGENTLESS:  # Seen on the network without an agent.
        device.agent_type = device.agent_version = device.user_name = device.domain = ""
        device.nickname = ""
        device.group_id = "default"


def _draw_times(rng: random.Random, device: SimDevice, now: float) -> None:
    chance, draw = rng.random(), rng.random()
    if chance < 0.80:
        age = draw * 3600.0
    elif chance < 0.92:
        age = draw * 7 * DAY
    elif chance < 0.97:
        age = 7 * DAY + draw * 22 * DAY
    else:
        age = 31 * DAY + draw * 200 * DAY
    device.last_seen = max(device.enrolled_at, now - age)
    device.last_reboot = max(device.enrolled_at, device.last_seen - rng.random() * 20 * DAY)
    if device.status == "exempted" and draw < 0.7:
        device.exempted_until = now + (1 + int(draw * 700)) * 3600.0


def _name_hostile(devices: list[SimDevice]) -> None:
    """Assign the hostile names to devices, spread from the middle of the fleet."""
    step = max(1, len(devices) // (2 * len(HOSTILE_NAMES)))
    for index, name in enumerate(HOSTILE_NAMES):
        device = devices[(len(devices) // 2 + index * step) % len(devices)]
        device.device_name = device.host_name = name


def _share_macs(devices: list[SimDevice]) -> None:
    """Give one virtual machine per thousand devices the MAC of another, like a cloned VM."""
    machines = [device for device in devices if device.device_type == "vm"]
    for index in range(min(len(devices) // 1000, len(machines) // 2)):
        machines[2 * index + 1].macs = machines[2 * index].macs
