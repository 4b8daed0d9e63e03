"""Roles: who may do what, as one table that pages, commands and services all read."""

from dataclasses import dataclass

from django.db.models import TextChoices

from actions.catalog import KINDS
from actions.errors import NotAllowed


class Role(TextChoices):
    """What a person is here for."""

    VIEWER = "viewer", "Viewer"
    HELPDESK = "helpdesk", "Helpdesk"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a role allows; `max_devices` is the largest request, in devices (0 = none)."""

    max_devices: int = 0
    kinds: frozenset[str] = frozenset()
    reads_audit: bool = False
    reads_logs: bool = False
    controls_engine: bool = False


RIGHTS: dict[Role, Rights] = {
    Role.VIEWER: Rights(),
    Role.HELPDESK: Rights(max_devices=10, kinds=frozenset(KINDS) - {"delete"}, reads_logs=True),
    Role.OPERATOR: Rights(
        max_devices=1_000_000,
        kinds=frozenset(KINDS),
        reads_audit=True,
        reads_logs=True,
        controls_engine=True,
    ),
    Role.AUDITOR: Rights(reads_audit=True),
}


def why_not(role: Role, kind: str, devices: int) -> tuple[str, str] | None:
    """The field and the reason why `role` may not ask for `kind` on so many devices, or None."""
    rights = RIGHTS[role]
    if not rights.kinds:
        return "", f"The role {role.label} looks on and sends no actions."
    if kind not in rights.kinds:
        return "kind", f"The role {role.label} may not send {KINDS[kind].label}."
    if devices > rights.max_devices:
        return "devices", (
            f"The role {role.label} may act on at most {rights.max_devices} devices in one "
            f"request; {devices:,} were chosen."
        )
    return None


def check_reads_audit(role: Role) -> None:
    """Raise NotAllowed unless `role` may read the audit trail."""
    if not RIGHTS[role].reads_audit:
        raise NotAllowed(f"The role {role.label} may not read the audit trail.")
