"""Tables of chosen devices, frozen until they are sent, and of uploaded lists."""

import uuid

from django.conf import settings
from django.db import models

from actions.inventory.models import Device


class Selection(models.Model):
    """Devices that one person has chosen: the devices that are confirmed are the ones sent.

    `query` is the list's query if all matching devices were chosen, with the keys of those that
    were excluded. `parent` is the selection that a part was made from. `addressing` is "ids" or
    "macs". A selection is deleted after a week.
    """

    class Origin(models.TextChoices):
        """Where the devices were chosen."""

        LIST = "list", "the device list"
        PICK = "pick", "a list of ids, addresses or names"
        DEVICE = "device", "a device's own page"
        PART = "part", "another selection, less some of its devices"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    origin = models.CharField(max_length=6, choices=Origin.choices)
    addressing = models.CharField(max_length=4, default="ids")
    query = models.TextField(blank=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    device_count = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.device_count} devices"


class SelectedDevice(models.Model):
    """One device of a selection; `target` is its id or MAC as it is sent to the vendor.

    Rows are ordered by key. `device` is empty if the inventory does not know the device.
    """

    selection = models.ForeignKey(
        Selection, on_delete=models.CASCADE, related_name="chosen", db_index=False
    )
    device = models.ForeignKey(Device, null=True, on_delete=models.SET_NULL, related_name="+")
    target = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["selection", "target"], name="target_once_chosen"),
        ]
        indexes = [
            # Which devices does this selection hold, in order?
            models.Index(fields=["selection", "id"], name="chosen_in_order"),
        ]

    def __str__(self) -> str:
        return self.target


class UploadedList(models.Model):
    """One person's list as it was read; its lines are matched with the inventory on each view.

    `content` is JSON: for each line that is not blank, its number and its cells; a cell that is
    not used is a list of its text and the reason. `width` is the number of columns. `original` is
    the list as it was given, to read it in another way; `reading` (JSON) says how it was read. A
    list never changes, and is deleted after a week.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255, blank=True)
    content = models.TextField()
    original = models.BinaryField(default=b"", db_default=b"")
    reading = models.TextField(default="{}", db_default="{}")
    width = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.line_count} lines"
