"""Users of the console, their saved views, and the counters of failed sign-ins."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from actions.roles import RIGHTS, Rights, Role
from dashboard import names


class User(AbstractUser):
    """A user; the role decides what they may do.

    `is_demo` marks the users that `up` creates for the simulator; with a real vendor account they
    may not act. `device_columns` are the keys of the columns in their device list; empty means
    the default columns. `name_key` is the form that all spellings of the name share, so that the
    database refuses a second spelling; see `dashboard.names`.
    """

    class Density(models.TextChoices):
        """Height of a row of the device list."""

        COMFORTABLE = "comfortable", "Comfortable"
        COMPACT = "compact", "Compact"

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    is_demo = models.BooleanField(default=False)
    device_columns = models.JSONField(default=list, blank=True)
    density = models.CharField(max_length=11, choices=Density.choices, default=Density.COMFORTABLE)
    name_key = models.CharField(max_length=names.MAX_KEY, unique=True, editable=False)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the user with the key of the name; a twin of an older user keeps its marked key."""
        key, fields = names.name_key(self.username), kwargs.get("update_fields")
        if self.name_key.split(names.TWIN_MARK)[0] != key:
            self.name_key = key
            if fields is not None and "username" in fields:
                kwargs["update_fields"] = {*fields, "name_key"}
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse a new name that is another spelling of a user's, looks like it, or mixes scripts.

        A user who exists keeps the name: it may be older than this rule.
        """
        super().clean()
        if not self._state.adding:
            return
        if problem := names.problem_of(self.username):
            raise ValidationError(problem)
        key = names.name_key(self.username)
        for other in User.objects.only("username", "name_key"):
            theirs = other.name_key.split(names.TWIN_MARK)[0]
            if names.looks_like(theirs) == names.looks_like(key):
                same = "is the same name as" if theirs == key else "looks like"
                raise ValidationError(
                    f"{self.username} {same} {other.username}, who exists already. "
                    "Choose another name."
                )

    @classmethod
    def named(cls, name: str) -> "User | None":
        """Return the user of this name in any spelling; the exact one if there are twins."""
        found = cls.objects.filter(Q(username=name) | Q(name_key=names.name_key(name)))
        return next(iter(sorted(found, key=lambda each: each.username != name)), None)

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


class SignInCounter(models.Model):
    """Failed sign-ins of one name from one place; see `dashboard.sign_in.guard`.

    `name` and `place` are keyed hashes, because a password may be typed into the name field and a
    stolen database must not tell it. `refused` counts the tries that were not looked at since the
    last audit line.
    """

    name = models.CharField(max_length=32)
    place = models.CharField(max_length=32, blank=True)
    person = models.ForeignKey(User, null=True, on_delete=models.CASCADE)
    failed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name", "place"], name="one_counter_of_a_name_and_place"
            )
        ]
        indexes = [
            # Which counters have expired? (the periodic clean-up)
            models.Index(fields=["expires_at"], name="counters_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.failed} failed sign-ins"


class KnownPlace(models.Model):
    """An address from which a user signed in; its tries are counted apart from all others'."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_places")
    place = models.CharField(max_length=32)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "place"], name="one_row_of_a_known_place")
        ]
        indexes = [
            # Which places have expired? (the periodic clean-up)
            models.Index(fields=["expires_at"], name="known_places_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"A known place of {self.person}"
