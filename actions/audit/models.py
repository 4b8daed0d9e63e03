"""The tables of jobs on the trail, and of how far the trail has been streamed to each target."""

import uuid

from django.db import models
from django.db.models import Q


class AuditJob(models.Model):
    """A check of the chain or an export, requested by a person and run by a worker.

    The worker updates `heartbeat_at` while it runs the job; another worker restarts a job whose
    heartbeat is old. `file` is the name of the export in the export folder, until `expires_at`.
    """

    class Kind(models.TextChoices):
        """The kind of job."""

        CHECK = "check", "Check"
        EXPORT = "export", "Export"

    class State(models.TextChoices):
        """The state of a job; DONE and FAILED are final."""

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
            # Jobs that are waiting or running.
            models.Index(fields=["id"], condition=Q(ended_at=None), name="audit_job_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class AuditStream(models.Model):
    """How far the trail has been streamed to one target: the last line that it acknowledged."""

    target = models.CharField(max_length=255, unique=True)
    last_id = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.target} to {self.last_id}"
