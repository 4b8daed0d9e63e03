"""Work on the trail that takes a while, and how far a copy of it has been shipped."""

import uuid

from django.db import models
from django.db.models import Q


class AuditJob(models.Model):
    """A check of the chain, or an export: asked for on a page, done by a worker.

    `beat_at` moves while a worker is at it; one that stands still for a while is begun anew.
    `file` is the export's name in the export folder, until `expires_at`.
    """

    class Kind(models.TextChoices):
        """What is to be done."""

        CHECK = "check", "Check"
        EXPORT = "export", "Export"

    class State(models.TextChoices):
        """How far it has come."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    user_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=150)
    query = models.JSONField(default=dict)
    format = models.CharField(max_length=5, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    result = models.JSONField(default=dict)
    file = models.CharField(max_length=100, blank=True)
    requested_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The worker: what is to be done?
            models.Index(fields=["id"], condition=Q(ended_at=None), name="audit_job_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class AuditStream(models.Model):
    """How far the trail has been shipped to one target: the last line that it acknowledged."""

    target = models.CharField(max_length=255, unique=True)
    last_id = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.target} to {self.last_id}"
