"""What the audit page shows."""

from django.db.models import Q

from actions.models import AuditEvent


def listed(
    *, search: str = "", actor: str = "", before: int | None = None, size: int = 50
) -> list[AuditEvent]:
    """A page of the trail, newest first, after the line with the id `before`."""
    events = AuditEvent.objects.all()
    if actor:
        events = events.filter(actor=actor)
    if search:
        events = events.filter(
            Q(reason__icontains=search)
            | Q(ticket__icontains=search)
            | Q(subject__icontains=search)
            | Q(verb__icontains=search)
        )
    if before:
        events = events.filter(pk__lt=before)
    return list(events[:size])


def of_subject(kind: str, subject: str, limit: int = 50) -> list[AuditEvent]:
    """The latest lines about one thing."""
    return list(AuditEvent.objects.filter(subject_kind=kind, subject=subject)[:limit])
