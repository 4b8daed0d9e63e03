"""Roles and their rights: one table for pages, commands and services."""

from dataclasses import dataclass

from django.db.models import TextChoices

from actions.catalog import KINDS
from actions.errors import Code, NotAllowed, Problem


class Role(TextChoices):
    """The role of a person."""

    VIEWER = "viewer", "Viewer"
    HELPDESK = "helpdesk", "Helpdesk"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of a role; `max_devices` limits the devices of one request."""

    max_devices: int = 0
    kinds: frozenset[str] = frozenset()
    reads_audit: bool = False
    reads_logs: bool = False
    reads_storage: bool = False
    controls_engine: bool = False


RIGHTS: dict[Role, Rights] = {
    Role.VIEWER: Rights(),
    Role.HELPDESK: Rights(max_devices=10, kinds=frozenset(KINDS) - {"delete"}, reads_logs=True),
    Role.OPERATOR: Rights(
        max_devices=1_000_000,
        kinds=frozenset(KINDS),
        reads_audit=True,
        reads_logs=True,
        reads_storage=True,
        controls_engine=True,
    ),
    Role.AUDITOR: Rights(reads_audit=True, reads_storage=True),
}


def why_not(role: Role, kind: str, devices: int) -> Problem | None:
    """Return why `role` may not submit `kind` for so many devices, or None if it may."""
    rights = RIGHTS[role]
    if not rights.kinds:
        return Problem(
            "",
            Code.ROLE_MAY_NOT_SUBMIT,
            "The role %(role)s cannot submit actions.",
            {"role": role.label},
        )
    if kind not in rights.kinds:
        return Problem(
            "kind",
            Code.ROLE_MAY_NOT_USE_KIND,
            "The role %(role)s cannot send %(kind)s.",
            {"role": role.label, "kind": KINDS[kind].label},
        )
    if devices > rights.max_devices:
        return Problem(
            "devices",
            Code.TOO_MANY_DEVICES,
            "The role %(role)s may act on at most %(limit)s devices in one request; "
            "%(count)s were chosen.",
            {"role": role.label, "limit": rights.max_devices, "count": f"{devices:,}"},
        )
    return None


def check_submits(role: Role) -> None:
    """Raise NotAllowed unless `role` may submit at least one kind of action."""
    if not RIGHTS[role].kinds:
        raise NotAllowed(
            Code.ROLE_MAY_NOT_SUBMIT, "The role %(role)s cannot submit actions.", role=role.label
        )


def check_reads_audit(role: Role) -> None:
    """Raise NotAllowed unless `role` may read the audit trail."""
    if not RIGHTS[role].reads_audit:
        raise NotAllowed(
            Code.ROLE_MAY_NOT_READ_AUDIT,
            "The role %(role)s cannot read the audit trail.",
            role=role.label,
        )


def check_reads_logs(role: Role) -> None:
    """Raise NotAllowed unless `role` may read agent logs."""
    if not RIGHTS[role].reads_logs:
        raise NotAllowed(
            Code.ROLE_MAY_NOT_READ_LOGS,
            "The role %(role)s cannot read agent logs.",
            role=role.label,
        )
