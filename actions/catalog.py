"""The catalogue of actions, and what each version of the vendor's API supports.

Source of every vendor fact here: the pages "Device Action" v3.0 to v3.3, list "Action Type" and
table "Request Parameters", unless a line is marked *assumed*.
"""

from dataclasses import dataclass
from typing import Literal

from actions.errors import Code, Refused

Parameter = Literal["exempt_hours", "group_id"]

EXEMPT_FOREVER = 0
"""The vendor's value of `exempt_time` for an exemption that does not expire."""

MAX_EXEMPT_HOURS = 64_999
"""Hours: the vendor requires a value "less than 65000"."""

DEFAULT_GROUP = "default"
"""The vendor's default for `group_id`; it stands for the default group, whose id is not needed."""


@dataclass(frozen=True, slots=True)
class ActionKind:
    """An action that a person can request.

    `applies_to` is the vendor's rule in plain words, for v3.1. `risk` is 0 (harmless), 1 (changes
    what a device may do) or 2 (cannot be undone). `idempotent` means that running the action twice
    has the same result as running it once, so it may be sent again when no answer came.
    `observable` means that its effect is visible in the device's record afterwards. `inverse` is
    the name of the action that undoes it, or "".
    """

    name: str
    label: str
    summary: str
    applies_to: str
    icon: str
    parameter: Parameter | None = None
    inverse: str = ""
    idempotent: bool = False
    observable: bool = False
    risk: int = 0


_NOT_OUTSIDE = "All devices except Unknown, Ignored and Out of license usage."
_PERSISTENT = "Devices with the persistent agent only."

KINDS: dict[str, ActionKind] = {
    kind.name: kind
    for kind in (
        ActionKind(
            name="exempt",
            label="Exempt",
            observable=True,
            summary="Allow the device although it does not comply with its policy.",
            applies_to=_NOT_OUTSIDE,
            icon="shield-check",
            parameter="exempt_hours",
            inverse="unexempt",
            risk=1,
        ),
        ActionKind(
            name="unexempt",
            label="Unexempt",
            observable=True,
            summary="End the exemption: the policy applies to the device again.",
            applies_to=_NOT_OUTSIDE,
            icon="shield-off",
            inverse="exempt",
            idempotent=True,
            risk=1,
        ),
        ActionKind(
            name="ignore",
            label="Ignore",
            observable=True,
            summary="Stop counting an unknown device.",
            applies_to="Unknown devices only.",
            icon="eye-off",
            inverse="unignore",
            idempotent=True,
        ),
        ActionKind(
            name="unignore",
            label="Unignore",
            observable=True,
            summary="Count an ignored device again.",
            applies_to="Ignored devices only.",
            icon="eye",
            inverse="ignore",
            idempotent=True,
        ),
        ActionKind(
            name="delete",
            label="Delete",
            observable=True,
            summary="Remove the device's record. Its agent may be uninstalled (not documented).",
            applies_to="All devices.",
            icon="trash-2",
            risk=2,
        ),
        ActionKind(
            name="dhcprenew",
            label="Renew DHCP",
            summary="Have the agent request a new address from its network.",
            applies_to=_PERSISTENT,
            icon="refresh-cw",
        ),
        ActionKind(
            name="re-identify",
            label="Re-identify",
            summary="Have the agent ask its user for the custom information again.",
            applies_to=_NOT_OUTSIDE,
            icon="user-check",
        ),
        ActionKind(
            name="assign_to_group",
            label="Assign to group",
            observable=True,
            summary="Move the device to another group, and so to that group's policy.",
            applies_to="All devices except those with a domain controller agent.",
            icon="folder-input",
            parameter="group_id",
            inverse="assign_to_group",
            idempotent=True,
            risk=1,
        ),
        ActionKind(
            name="fetch_agent_log",
            label="Fetch agent log",
            summary="Have the agent send its log; the vendor answers with a command ID.",
            applies_to="Persistent agents from 7.6.231.0 (Windows) or 10.4.225.0 (macOS).",
            icon="file-text",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ActionVersion:
    """One version of the vendor's Device Action API: its actions and its restrictions."""

    name: str
    kinds: frozenset[str]
    notes: str


_KINDS_OF_V3 = frozenset(KINDS) - {"fetch_agent_log"}

VERSIONS: dict[str, ActionVersion] = {
    version.name: version
    for version in (
        ActionVersion("v3", _KINDS_OF_V3, "No agent log and no command ID."),
        ActionVersion("v3.1", frozenset(KINDS), "All nine actions of this console."),
        ActionVersion(
            "v3.2",
            frozenset(KINDS),
            "No exempt or unexempt for domain controllers; re-identify only for persistent agents "
            "on Windows (from 7.6.71.0) and macOS (from 10.4.123.0) and for mobile agents. "
            "This console does not offer the additional action scan_threats.",
        ),
        ActionVersion(
            "v3.3",
            frozenset(KINDS),
            "As v3.2; the vendor's event log distinguishes console actions from API actions.",
        ),
    )
}


def find_kind(name: str, version: str) -> ActionKind:
    """Return the kind `name`; raises Refused if it is unknown or `version` does not support it."""
    kind = KINDS.get(name)
    if kind is None:
        raise Refused.because(
            "kind",
            Code.UNKNOWN_KIND,
            "There is no action “%(given)s”. Known actions: %(known)s.",
            given=name,
            known=", ".join(KINDS),
        )
    if name not in VERSIONS[version].kinds:
        raise Refused.because(
            "kind",
            Code.KIND_NOT_OFFERED,
            "%(kind)s is not offered by version %(version)s of the vendor's API.",
            kind=kind.label,
            version=version,
        )
    return kind


def offered_kinds(version: str) -> list[ActionKind]:
    """Return the kinds that `version` of the vendor's API supports, in catalogue order."""
    return [kind for kind in KINDS.values() if kind.name in VERSIONS[version].kinds]
