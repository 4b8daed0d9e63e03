"""The catalogue: what can be asked of a device, and what each version of the vendor's API can do.

Source of every vendor fact here: the pages "Device Action" v3.0 to v3.3, list "Action Type" and
table "Request Parameters", unless a line is marked *assumed*.
"""

from dataclasses import dataclass
from typing import Literal

from actions.errors import Refused

Parameter = Literal["exempt_hours", "group_id"]

FOR_EVER = 0
"""The vendor's value of `exempt_time` for an exemption without end."""

MAX_EXEMPT_HOURS = 64_999
"""The vendor wants a value "less than 65000" hours."""

DEFAULT_GROUP = "default"
"""The vendor's own default of `group_id`: it names the default group without an id."""


@dataclass(frozen=True, slots=True)
class ActionKind:
    """One thing that can be asked for.

    `applies_to` is the vendor's rule in words, for v3.1; `danger` is 0 (harmless), 1 (changes what
    a device may do) or 2 (cannot be undone). `safe_to_repeat` says that doing it twice leaves the
    same result as doing it once, so that it may be sent again when no answer came; `shows` that
    its effect can be seen in the device's record afterwards.
    """

    name: str
    label: str
    summary: str
    applies_to: str
    icon: str
    past: str
    parameter: Parameter | None = None
    opposite: str = ""
    idempotent: bool = False
    shows: bool = False
    danger: int = 0


_NOT_NEW = "All devices but Unknown, Ignored and Out of license usage."
_PERSISTENT = "Devices with the persistent agent only."

KINDS: dict[str, ActionKind] = {
    kind.name: kind
    for kind in (
        ActionKind(
            name="exempt",
            label="Exempt",
            past="Exempted",
            shows=True,
            summary="Let the device pass although it does not meet its policy.",
            applies_to=_NOT_NEW,
            icon="shield-check",
            parameter="exempt_hours",
            opposite="unexempt",
            danger=1,
        ),
        ActionKind(
            name="unexempt",
            label="Unexempt",
            past="Unexempted",
            shows=True,
            summary="End an exemption: the device is judged by its policy again.",
            applies_to=_NOT_NEW,
            icon="shield-off",
            opposite="exempt",
            idempotent=True,
            danger=1,
        ),
        ActionKind(
            name="ignore",
            label="Ignore",
            past="Ignored",
            shows=True,
            summary="Stop counting an unknown device.",
            applies_to="Unknown devices only.",
            icon="eye-off",
            opposite="unignore",
            idempotent=True,
        ),
        ActionKind(
            name="unignore",
            label="Unignore",
            past="Unignored",
            shows=True,
            summary="Count an ignored device again.",
            applies_to="Ignored devices only.",
            icon="eye",
            opposite="ignore",
            idempotent=True,
        ),
        ActionKind(
            name="delete",
            label="Delete",
            past="Deleted",
            shows=True,
            summary="Remove the device's record. Its agent may be uninstalled (not documented).",
            applies_to="All devices.",
            icon="trash-2",
            danger=2,
        ),
        ActionKind(
            name="dhcprenew",
            label="Renew DHCP",
            past="Renewed DHCP of",
            summary="Have the agent ask its network for a new address.",
            applies_to=_PERSISTENT,
            icon="refresh-cw",
        ),
        ActionKind(
            name="re-identify",
            label="Re-identify",
            past="Re-identified",
            summary="Have the agent ask its user for the custom information again.",
            applies_to=_NOT_NEW,
            icon="user-check",
        ),
        ActionKind(
            name="assign_to_group",
            label="Assign to group",
            past="Assigned to a group",
            shows=True,
            summary="Move the device to another group, and so to that group's policy.",
            applies_to="All devices but those with a domain controller agent.",
            icon="folder-input",
            parameter="group_id",
            opposite="assign_to_group",
            idempotent=True,
            danger=1,
        ),
        ActionKind(
            name="fetch_agent_log",
            label="Fetch agent log",
            past="Fetched the agent log of",
            summary="Have the agent send its log; the vendor answers with a command ID.",
            applies_to="Persistent agents from 7.6.231.0 (Windows) or 10.4.225.0 (macOS).",
            icon="file-text",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ActionVersion:
    """What one version of the vendor's Device Action can and cannot do."""

    name: str
    kinds: frozenset[str]
    notes: str


_SINCE_V3 = frozenset(KINDS) - {"fetch_agent_log"}

VERSIONS: dict[str, ActionVersion] = {
    version.name: version
    for version in (
        ActionVersion("v3", _SINCE_V3, "No agent log and no command ID."),
        ActionVersion("v3.1", frozenset(KINDS), "All nine actions of this console."),
        ActionVersion(
            "v3.2",
            frozenset(KINDS),
            "Exempt and unexempt not for domain controllers; re-identify only for Windows "
            "persistent agents from 7.6.71.0, macOS from 10.4.123.0 and mobile agents. "
            "Its further action scan_threats is not offered here.",
        ),
        ActionVersion(
            "v3.3",
            frozenset(KINDS),
            "As v3.2; the vendor's event log tells console actions from API actions.",
        ),
    )
}


def find_kind(name: str, version: str) -> ActionKind:
    """The kind called `name`; raises Refused when it is unknown or `version` cannot do it."""
    kind = KINDS.get(name)
    if kind is None:
        known = ", ".join(KINDS)
        raise Refused.because("kind", f"There is no action “{name}”. Known actions: {known}.")
    if name not in VERSIONS[version].kinds:
        raise Refused.because(
            "kind", f"{kind.label} is not offered by version {version} of the vendor's API."
        )
    return kind


def offered_kinds(version: str) -> list[ActionKind]:
    """The kinds that `version` of the vendor's API can do, in the order of the catalogue."""
    return [kind for kind in KINDS.values() if kind.name in VERSIONS[version].kinds]
