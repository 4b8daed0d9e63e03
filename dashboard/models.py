"""The people who use the console, and what they have arranged for themselves."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from actions.roles import RIGHTS, Rights, Role


class User(AbstractUser):
    """A person; the role says what they may do here. Demo people only act on the simulator.

    `device_columns` are the keys of the columns they want in the list of devices; none: the usual.
    """

    class Density(models.TextChoices):
        """How much room a row takes."""

        COMFORTABLE = "comfortable", "Comfortable"
        COMPACT = "compact", "Compact"

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    is_demo = models.BooleanField(default=False)
    device_columns = models.JSONField(default=list, blank=True)
    density = models.CharField(max_length=11, choices=Density.choices, default=Density.COMFORTABLE)

    @property
    def rights(self) -> Rights:
        """What the role allows."""
        return RIGHTS[Role(self.role)]


class SavedView(models.Model):
    """A view of the list of devices that somebody has named; its address stays the same.

    `query` is the query of the list's address. Others see it, and may open it, once it is shared.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True)
    shared = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_view_of_a_name"),
        ]
        indexes = [
            # The menu of views: those that are shared with everybody.
            models.Index(fields=["name", "id"], condition=Q(shared=True), name="shared_views"),
        ]

    def __str__(self) -> str:
        return self.name
