"""To which devices an action applies, by the vendor's own rules; only what is certain refuses.

Source, unless a rule says otherwise: list "Action Type" of the pages "Device Action" v3.0 to v3.3.
The words for the agent's kind are not documented (old change notes know `guest` and `managed`):
a word that is not in AGENTS makes a verdict uncertain, never a refusal.
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
"""The vendor's words for the agent's kind that leave no doubt, and ours."""

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
"""The vendor's words for the system that leave no doubt, and ours."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is known of a device, as the vendor told it ("" if it did not), and since when."""

    status: str
    agent_type: str
    os_family: str
    agent_version: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the vendor will take it: yes, no, or None where that is uncertain.

    `rule` names what decided ("" if nothing stands against it) and always comes with the same
    `words` for one kind and version, so that devices can be counted by it.
    """

    allowed: bool | None
    rule: str = ""
    words: str = "The vendor's rules allow it."


@dataclass(frozen=True, slots=True)
class Rules:
    """What one version of the vendor's API asks of a device for one kind of action.

    `minimum` has the lowest agent version by system, for agents that are not in `any_version`.
    `other_systems` is what a system means that is not in it: False = refused, None = not told.
    `assumed` marks rules that the vendor states for another version only: they refuse nothing.
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
# macOS follows from the lines of other actions on the page of v3.3; Linux agents are not named.
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
    # The action is listed, but the line that says to what it applies could not be read.
    "fetch_agent_log": Rules(
        only_agents=_PERSISTENT, minimum=_LOG_AGENTS, other_systems=None, assumed=True
    ),
}
RULES: dict[str, dict[str, Rules]] = {"v3": _V3, "v3.1": _V3_1, "v3.2": _V3_2, "v3.3": _V3_2}
"""The rules by version of the vendor's API and by kind."""


def evaluate(kind: ActionKind, version: str, facts: DeviceFacts, now: datetime) -> Verdict:
    """Whether the vendor will take `kind` for such a device; only what is certain refuses."""
    if kind.name not in VERSIONS[version].kinds:
        return Verdict(False, "version", f"Version {version} of the vendor's API does not know it.")
    rules = RULES[version][kind.name]
    if rules == Rules():
        return Verdict(True)
    if facts.read_at is None or now - facts.read_at > fresh_for():
        hours = settings.INVENTORY_FRESH_HOURS
        return Verdict(None, "old", f"What is known was read more than {hours:g} h ago.")
    verdicts = [_status(rules, facts), _agent(rules, facts), _version(rules, facts)]
    refused = next((each for each in verdicts if each.allowed is False), None)
    if refused and rules.assumed:
        return Verdict(
            None, f"assumed-{refused.rule}", f"Refused by v3.1, perhaps: {refused.words}"
        )
    uncertain = next((each for each in verdicts if each.allowed is None), None)
    return refused or uncertain or Verdict(True)


def _status(rules: Rules, facts: DeviceFacts) -> Verdict:
    if not (rules.only_statuses or rules.never_statuses):
        return Verdict(True)
    if not facts.status:
        return Verdict(None, "no-status", "The vendor did not tell the status.")
    if rules.only_statuses and facts.status not in rules.only_statuses:
        return Verdict(False, "status", f"Only for status {_listed(rules.only_statuses)}.")
    if facts.status in rules.never_statuses:
        return Verdict(False, "status", f"Not for status {_listed(rules.never_statuses)}.")
    return Verdict(True)


def _agent(rules: Rules, facts: DeviceFacts) -> Verdict:
    if not (rules.only_agents or rules.never_agents):
        return Verdict(True)
    if not facts.agent_type:
        return Verdict(None, "no-agent", "The vendor did not tell which kind of agent it has.")
    agent = AGENTS.get(facts.agent_type)
    if agent is None:
        return Verdict(None, "odd-agent", "The vendor's word for its agent is not known here.")
    if rules.only_agents and agent not in rules.only_agents:
        return Verdict(False, "agent", f"Only with the {_listed(rules.only_agents)} agent.")
    if agent in rules.never_agents:
        return Verdict(False, "agent", f"Not with the {_listed(rules.never_agents)} agent.")
    return Verdict(True)


def _version(rules: Rules, facts: DeviceFacts) -> Verdict:
    agent = AGENTS.get(facts.agent_type)
    # Where some agents need no minimum, an agent of unknown kind was called uncertain before.
    spared = agent in rules.any_version or (agent is None and rules.any_version)
    if not rules.minimum or spared:
        return Verdict(True)
    system = SYSTEMS.get(facts.os_family.strip().lower())
    if system is None:
        return Verdict(None, "no-system", "The vendor did not tell the system, or not clearly.")
    if system not in rules.minimum:
        if rules.other_systems is None:
            return Verdict(None, "system", "The vendor names no agent version for its system.")
        return Verdict(False, "system", f"Only for {_listed(rules.minimum)}.")
    return _minimum(rules, system, facts.agent_version)


def _minimum(rules: Rules, system: str, version: str) -> Verdict:
    found, needed = _numbers(version), _numbers(rules.minimum[system])
    if found is None or needed is None:
        return Verdict(None, "no-version", "The vendor did not tell the agent's version.")
    if found < needed:
        wanted = " or ".join(f"{value} ({_name(key)})" for key, value in rules.minimum.items())
        return Verdict(False, "agent-version", f"Only from agent version {wanted}.")
    return Verdict(True)


def _numbers(version: str) -> tuple[int, ...] | None:
    """A version as numbers that can be compared; None for anything else."""
    text = version.strip()
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){1,5}", text):
        return None
    numbers = [int(part) for part in text.split(".")]
    return tuple(numbers + [0] * (6 - len(numbers)))


def _listed(words: frozenset[str] | Mapping[str, str]) -> str:
    return " or ".join(sorted(_name(word) for word in words))


def _name(word: str) -> str:
    return {"windows": "Windows", "mac": "macOS"}.get(word, word.replace("_", " "))
