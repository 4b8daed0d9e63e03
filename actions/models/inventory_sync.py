"""A full read of the vendor's groups and devices, page by page."""

from django.db import models
from django.db.models import Q


class InventorySync(models.Model):
    """One full read; where it stands survives any crash, because each page is one transaction."""

    class Stage(models.TextChoices):
        """What it reads next."""

        GROUPS = "groups", "Groups"
        DEVICES = "devices", "Devices"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.GROUPS)
    page = models.PositiveIntegerField(default=1)
    cursor = models.TextField(blank=True)
    devices_read = models.PositiveIntegerField(default=0)
    groups_read = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    running = models.BooleanField(default=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A second person who asks joins the read that is running.
            models.UniqueConstraint(
                fields=["running"],
                condition=Q(running=True),
                name="one_sync_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage}: {self.devices_read} devices"
