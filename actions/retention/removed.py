"""Explain the address of a thing that retention has removed, by what the trail says of it."""

from django.conf import settings

from actions.trail.models import AuditEvent


def explanation(subject_kind: str, subject: str) -> str:
    """Return why a request or a log is not there any more; empty if the trail never knew it."""
    if not AuditEvent.objects.filter(subject_kind=subject_kind, subject=subject).exists():
        return ""
    noun = "request" if subject_kind == "request" else "agent log"
    days = settings.REQUESTS_KEEP_DAYS
    kept = f" {days} days after its end (REQUESTS_KEEP_DAYS)" if days else ""
    return f"This {noun} was removed by retention{kept}. The audit trail keeps its lines."
