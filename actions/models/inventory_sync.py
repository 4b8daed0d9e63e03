"""A read of the vendor's inventory, page by page; and the devices that wait to be looked at."""

from django.db import models
from django.db.models import Q

from actions.models.device import Device
from actions.ratelimit.states import Lane

PAGE = 50
"""Devices or groups in one call: the vendor's most (Get Devices v3.7, Get Groups: `limit`)."""


class InventorySync(models.Model):
    """One read; where it stands survives any crash, because each page is one transaction.

    `cursor` is the vendor's token for the next page of devices, and after the end the one that
    brought the last page: what enrols later stands behind it. `since` is the moment from which
    the changes are asked for. `expected` is how many devices it may find; `pace` are the seconds
    between two pages of a read that has time.
    """

    class Kind(models.TextChoices):
        """What it reads."""

        FULL = "full", "Everything"
        SWEEP = "sweep", "Everything, slowly"
        NEW = "new", "Newly enrolled"
        CHANGES = "changes", "Changes"

    class Stage(models.TextChoices):
        """What it reads next, or how it ended."""

        GROUPS = "groups", "Groups"
        DEVICES = "devices", "Devices"
        CHANGES = "changes", "Changes"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        REPLACED = "replaced", "Replaced"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FULL)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.GROUPS)
    page = models.PositiveIntegerField(default=1)
    cursor = models.TextField(blank=True)
    since = models.DateTimeField(null=True)
    expected = models.PositiveIntegerField(default=0)
    pace = models.FloatField(default=0)
    devices_read = models.PositiveIntegerField(default=0)
    groups_read = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
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
                fields=["kind"],
                condition=Q(running=True),
                name="one_read_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.stage}: {self.devices_read} devices"

    @property
    def calls_left(self) -> int:
        """Calls that it still needs, as far as can be known; at least one while it runs."""
        pages = -(-(self.expected - self.devices_read) // PAGE)
        return max(1, pages) + (1 if self.stage == self.Stage.GROUPS else 0)


class DeviceLook(models.Model):
    """A device that somebody acts on or looks at: its details are to be read.

    `due_at` is missing once that was given up; `detail` says why. After the look the row is gone.
    """

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="look")
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            # Claim: which device is looked at next in this lane?
            models.Index(
                fields=["lane", "due_at"],
                condition=Q(due_at__isnull=False),
                name="look_due",
            ),
        ]

    def __str__(self) -> str:
        return f"look at {self.device_id}"


class DeviceRaw(models.Model):
    """The vendor's own words about a device, from the last look at its details."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="raw")
    record = models.TextField()
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"record of {self.device_id}"
