"""Users of the console and their saved views."""

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from actions.roles import RIGHTS, Rights, Role


class User(AbstractUser):
    """A user; the role decides what they may do.

    `is_demo` marks the users that `up` creates for the simulator; with a real vendor account they
    may not act. `device_columns` are the keys of the columns in their device list; empty means
    the default columns.
    """

    class Density(models.TextChoices):
        """Height of a row of the device list."""

        COMFORTABLE = "comfortable", "Comfortable"
        COMPACT = "compact", "Compact"

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    is_demo = models.BooleanField(default=False)
    device_columns = models.JSONField(default=list, blank=True)
    density = models.CharField(max_length=11, choices=Density.choices, default=Density.COMFORTABLE)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_is_known"),
        ]

    @property
    def rights(self) -> Rights:
        """What the role allows."""
        return RIGHTS[self.known_role]

    @property
    def known_role(self) -> Role:
        """The role; VIEWER for one that this version does not know, so that no page fails."""
        return Role(self.role) if self.role in Role.values else Role.VIEWER

    @property
    def may_act(self) -> bool:
        """Whether the user may sign in and act at all: a demo user only on the simulator."""
        return self.is_active and (settings.SIMULATED or not self.is_demo)


class SavedView(models.Model):
    """A named view of the device list; `query` is the query string of the list.

    Other users see it and may open it while it is `shared`.
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
            # Which views are shared with everybody? (the menu of views)
            models.Index(fields=["name", "id"], condition=Q(shared=True), name="shared_views"),
        ]

    def __str__(self) -> str:
        return self.name
