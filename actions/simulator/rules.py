"""Which action applies to which device, by the vendor's Device Action pages 3.0 to 3.3.

These rules are written from the documentation alone and share nothing with the console's catalog,
so a misreading on one side shows as a difference between the two.
"""

import re
from collections.abc import Callable, Mapping

from actions.simulator.fleet import DAY, SimDevice

Version = tuple[int, int]

BASE_KINDS = frozenset(
    {
        *("exempt", "unexempt", "ignore", "unignore", "delete"),
        *("dhcprenew", "re-identify", "assign_to_group"),
    }
)
KINDS_BY_VERSION: dict[Version, frozenset[str]] = {
    (3, 0): BASE_KINDS,
    (3, 1): BASE_KINDS | {"fetch_agent_log"},
    (3, 2): BASE_KINDS | {"fetch_agent_log", "scan_threats"},
    (3, 3): BASE_KINDS | {"fetch_agent_log", "scan_threats"},
}
AGENT_KINDS = frozenset({"dhcprenew", "re-identify", "fetch_agent_log", "scan_threats"})
COMMAND_KINDS = frozenset({"fetch_agent_log", "scan_threats"})  # they return a command_id
OUTSIDE_POLICY = frozenset({"unknown", "ignored", "out_of_license_usage"})

# Inferred: 7.x is Windows and 10.x is macOS. The 3.1 page gives versions without systems.
LOG_AGENTS = {"windows": (7, 6, 231, 0), "mac": (10, 4, 225, 0)}
REIDENTIFY_AGENTS = {"windows": (7, 6, 71, 0), "mac": (10, 4, 123, 0)}
SCAN_AGENTS = {"windows": (7, 6, 206, 0), "mac": (10, 4, 205, 0)}

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}")


def normalize_mac(text: str) -> str | None:
    """Return a MAC address in capitals with colons; None if it is invalid."""
    return text.upper().replace("-", ":") if _MAC.fullmatch(text) else None


def parse_agent_version(text: str) -> tuple[int, ...] | None:
    """Parse a version of four numbers with dots; None for anything else."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return tuple(int(part) for part in parts)


def is_supported(kind: str, device: SimDevice, version: Version) -> bool:
    """Return whether the action applies to the device; if not, the answer is "not supported"."""
    return _CHECKS[kind](device, version)


def is_unreachable(kind: str, device: SimDevice, now: float, failed_after_days: float) -> bool:
    """Return whether an agent action fails because the agent has not reported (assumed, U1)."""
    return kind in AGENT_KINDS and now - device.last_seen > failed_after_days * DAY


def _has_agent_from(device: SimDevice, minimum: Mapping[str, tuple[int, ...]]) -> bool:
    required = minimum.get(device.os_family)
    version = parse_agent_version(device.agent_version)
    if device.agent_type != "persistent" or required is None or version is None:
        return False
    return version >= required


def _exempt(device: SimDevice, version: Version) -> bool:
    if version >= (3, 2) and device.agent_type == "domain_controller":
        return False
    return device.status not in OUTSIDE_POLICY


def _reidentify(device: SimDevice, version: Version) -> bool:
    if version < (3, 2):
        return device.status not in OUTSIDE_POLICY
    return device.agent_type == "mobile" or _has_agent_from(device, REIDENTIFY_AGENTS)


_CHECKS: dict[str, Callable[[SimDevice, Version], bool]] = {
    "exempt": _exempt,
    "unexempt": _exempt,
    "ignore": lambda device, version: device.status == "unknown",
    "unignore": lambda device, version: device.status == "ignored",
    "delete": lambda device, version: True,
    "dhcprenew": lambda device, version: device.agent_type == "persistent",
    "re-identify": _reidentify,
    "assign_to_group": lambda device, version: device.agent_type != "domain_controller",
    "fetch_agent_log": lambda device, version: _has_agent_from(device, LOG_AGENTS),
    "scan_threats": lambda device, version: _has_agent_from(device, SCAN_AGENTS),
}
