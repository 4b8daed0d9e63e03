"""Decide from the vendor's rules whether an action applies to a device.

Source, unless a rule says otherwise: list "Action Type" of the pages "Device Action" v3.0 to v3.3.
The values of the agent type are not documented (old change notes name `guest` and `managed`), so
a value that is not in AGENTS makes a verdict uncertain, never a refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from actions.catalog import VERSIONS, ActionKind
from actions.inventory.freshness import fresh_for

AGENTS = {
    "persistent": "persistent",
    "on_demand": "on-demand",
    "guest": "on-demand",
    "mobile": "mobile",
    "domain_controller": "domain controller",
}
"""The known values of the vendor's agent type, each with our name."""

SYSTEMS = {
    "windows": "windows",
    "mac": "mac",
    "macos": "mac",
    "mac os x": "mac",
    "linux": "linux",
    "ios": "ios",
    "ipados": "ios",
    "android": "android",
}
"""The known values of the vendor's operating system, in lower case, each with our name."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The vendor's data of a device ("" where it gave none), and when it was read."""

    status: str
    agent_type: str
    os_family: str
    agent_version: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the vendor will accept the action: True, False, or None if that is uncertain.

    `rule` names the rule that decided, "" if none forbids it. For one kind and version, a rule
    always has the same `explanation`, so that devices can be counted by it.
    """

    allowed: bool | None
    rule: str = ""
    explanation: str = "The vendor's rules allow it."


@dataclass(frozen=True, slots=True)
class Rules:
    """What one version of the vendor's API requires of a device for one kind of action.

    `minimum` holds the lowest agent version by operating system; agents in `any_version` need
    none. `other_systems` is the verdict for a system without a minimum: False = refused, None =
    uncertain. `assumed` marks rules that the vendor states for another version only: they make a
    verdict uncertain instead of refusing.
    """

    only_statuses: frozenset[str] = frozenset()
    never_statuses: frozenset[str] = frozenset()
    only_agents: frozenset[str] = frozenset()
    never_agents: frozenset[str] = frozenset()
    minimum: Mapping[str, str] = field(default_factory=dict)
    any_version: frozenset[str] = frozenset()
    other_systems: bool | None = False
    assumed: bool = False


_OUTSIDE = frozenset({"unknown", "ignored", "out_of_license_usage"})
_DOMAIN = frozenset({"domain controller"})
_PERSISTENT = frozenset({"persistent"})
_MOBILE = frozenset({"mobile"})

_NOT_OUTSIDE = Rules(never_statuses=_OUTSIDE)
_NOT_OUTSIDE_NOR_DOMAIN = Rules(never_statuses=_OUTSIDE, never_agents=_DOMAIN)

# The page of v3.1 gives two numbers without naming the systems. That 7.x is Windows and 10.x is
# macOS follows from other actions on the page of v3.3; Linux agents are not mentioned.
_LOG_AGENTS = {"windows": "7.6.231.0", "mac": "10.4.225.0"}

_V3: dict[str, Rules] = {
    "exempt": _NOT_OUTSIDE,
    "unexempt": _NOT_OUTSIDE,
    "ignore": Rules(only_statuses=frozenset({"unknown"})),
    "unignore": Rules(only_statuses=frozenset({"ignored"})),
    "delete": Rules(),
    "dhcprenew": Rules(only_agents=_PERSISTENT),
    "re-identify": _NOT_OUTSIDE,
    "assign_to_group": Rules(never_agents=_DOMAIN),
}
_V3_1 = _V3 | {
    "fetch_agent_log": Rules(only_agents=_PERSISTENT, minimum=_LOG_AGENTS, other_systems=None),
}
_V3_2 = _V3_1 | {
    "exempt": _NOT_OUTSIDE_NOR_DOMAIN,
    "unexempt": _NOT_OUTSIDE_NOR_DOMAIN,
    "re-identify": Rules(
        only_agents=_PERSISTENT | _MOBILE,
        minimum={"windows": "7.6.71.0", "mac": "10.4.123.0"},
        any_version=_MOBILE,
    ),
    # The action is listed, but the line about the devices it applies to is illegible.
    "fetch_agent_log": Rules(
        only_agents=_PERSISTENT, minimum=_LOG_AGENTS, other_systems=None, assumed=True
    ),
}
RULES: dict[str, dict[str, Rules]] = {"v3": _V3, "v3.1": _V3_1, "v3.2": _V3_2, "v3.3": _V3_2}
"""The rules by version of the vendor's API and by kind."""


def evaluate(kind: ActionKind, version: str, facts: DeviceFacts, now: datetime) -> Verdict:
    """Return whether the vendor will accept `kind` for such a device."""
    if kind.name not in VERSIONS[version].kinds:
        return Verdict(False, "version", f"Not offered by version {version} of the vendor's API.")
    rules = RULES[version][kind.name]
    if rules == Rules():
        return Verdict(True)
    if facts.read_at is None or now - facts.read_at > fresh_for():
        hours = settings.INVENTORY_FRESH_HOURS
        return Verdict(None, "old", f"The device data is more than {hours:g} h old.")
    verdicts = [_status(rules, facts), _agent(rules, facts), _version(rules, facts)]
    refused = next((each for each in verdicts if each.allowed is False), None)
    if refused and rules.assumed:
        return Verdict(
            None, f"assumed-{refused.rule}", f"Possibly (rule of v3.1): {refused.explanation}"
        )
    uncertain = next((each for each in verdicts if each.allowed is None), None)
    return refused or uncertain or Verdict(True)


def _status(rules: Rules, facts: DeviceFacts) -> Verdict:
    if not (rules.only_statuses or rules.never_statuses):
        return Verdict(True)
    if not facts.status:
        return Verdict(None, "no-status", "The vendor gave no status.")
    if rules.only_statuses and facts.status not in rules.only_statuses:
        return Verdict(False, "status", f"Only for status {_listed(rules.only_statuses)}.")
    if facts.status in rules.never_statuses:
        return Verdict(False, "status", f"Not for status {_listed(rules.never_statuses)}.")
    return Verdict(True)


def _agent(rules: Rules, facts: DeviceFacts) -> Verdict:
    if not (rules.only_agents or rules.never_agents):
        return Verdict(True)
    if not facts.agent_type:
        return Verdict(None, "no-agent", "The vendor gave no agent type.")
    agent = AGENTS.get(facts.agent_type)
    if agent is None:
        return Verdict(None, "odd-agent", "The vendor gave an unknown agent type.")
    if rules.only_agents and agent not in rules.only_agents:
        return Verdict(False, "agent", f"Only with the {_listed(rules.only_agents)} agent.")
    if agent in rules.never_agents:
        return Verdict(False, "agent", f"Not with the {_listed(rules.never_agents)} agent.")
    return Verdict(True)


def _version(rules: Rules, facts: DeviceFacts) -> Verdict:
    agent = AGENTS.get(facts.agent_type)
    # If some agents need no minimum, `_agent` has made an unknown agent type uncertain already.
    exempt = agent in rules.any_version or (agent is None and rules.any_version)
    if not rules.minimum or exempt:
        return Verdict(True)
    system = SYSTEMS.get(facts.os_family.strip().lower())
    if system is None:
        return Verdict(None, "no-system", "The vendor gave no operating system, or an unknown one.")
    if system not in rules.minimum:
        if rules.other_systems is None:
            return Verdict(
                None, "system", "The vendor documents no agent version for its operating system."
            )
        return Verdict(False, "system", f"Only for {_listed(rules.minimum)}.")
    return _minimum(rules, system, facts.agent_version)


def _minimum(rules: Rules, system: str, version: str) -> Verdict:
    found, needed = _numbers(version), _numbers(rules.minimum[system])
    if found is None or needed is None:
        return Verdict(None, "no-version", "The vendor gave no agent version, or an unknown one.")
    if found < needed:
        minimum = " or ".join(f"{value} ({_name(key)})" for key, value in rules.minimum.items())
        return Verdict(False, "agent-version", f"Needs at least agent version {minimum}.")
    return Verdict(True)


def _numbers(version: str) -> tuple[int, ...] | None:
    """Return a version as numbers that can be compared, None if it is invalid."""
    text = version.strip()
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){1,5}", text):
        return None
    numbers = [int(part) for part in text.split(".")]
    return tuple(numbers + [0] * (6 - len(numbers)))


def _listed(values: frozenset[str] | Mapping[str, str]) -> str:
    return " or ".join(sorted(map(_name, values)))


def _name(value: str) -> str:
    return {"windows": "Windows", "mac": "macOS"}.get(value, value.replace("_", " "))
