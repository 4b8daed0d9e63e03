"""One line of what happened."""

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One line of the trail: who, when, what, on what, why and from where.

    The actor's name stands as text beside the key, so that the line outlives the person's row.
    """

    at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=20)
    source = models.CharField(max_length=10)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=255)
    reason = models.TextField(blank=True)
    ticket = models.CharField(max_length=100, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # All about this request, person or device.
            models.Index(fields=["subject_kind", "subject", "-id"], name="event_of_subject"),
            models.Index(fields=["actor", "-id"], name="event_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
