"""The trail: one line for each thing that happened, in the transaction of the thing itself."""

from typing import Any

from django.utils.timezone import now

from actions.models import AuditEvent
from actions.roles import Role
from actions.submissions import Actor

ENGINE = Actor(name="engine", role=Role.OPERATOR, source="system")
"""The engine itself, where no person acts."""


def record(
    actor: Actor,
    verb: str,
    *,
    subject_kind: str,
    subject: str,
    reason: str = "",
    ticket: str = "",
    **data: Any,
) -> AuditEvent:
    """Write one line; call it inside the transaction of what it tells of."""
    return AuditEvent.objects.create(
        at=now(),
        user_id=actor.user_id,
        actor=actor.name,
        role="" if actor.source == "system" else actor.role,
        source=actor.source,
        address=actor.address,
        request_id=actor.request_id,
        verb=verb,
        subject_kind=subject_kind,
        subject=subject,
        reason=reason,
        ticket=ticket,
        data=data,
    )
