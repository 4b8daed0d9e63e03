"""One person's wish, as it was made."""

import uuid

from django.conf import settings
from django.db import models

from actions.catalog import KINDS, ActionKind
from actions.ratelimit.states import Lane


class ActionRequest(models.Model):
    """One person's wish: a kind, parameters, a reason, a frozen set of devices.

    It has no status of its own: progress is counted from its commands, so the two cannot
    disagree. `paused` is a mark for rows that come back from a call meanwhile. `parent` is the
    request that this one retries or undoes, as `origin` says. `version` grows with every change
    of a command; open pages ask by it.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    form_token = models.UUIDField(unique=True)
    kind_name = models.CharField(max_length=32)
    params = models.JSONField(default=dict)
    addressing = models.CharField(max_length=4)
    likeness = models.CharField(max_length=64)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    device_count = models.PositiveIntegerField()
    unlisted_count = models.PositiveIntegerField(default=0)
    reason = models.TextField()
    ticket = models.CharField(max_length=100, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=20)
    source = models.CharField(max_length=10)
    created_at = models.DateTimeField()
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    origin = models.CharField(max_length=10, blank=True)
    paused = models.BooleanField(default=False)
    start_at = models.DateTimeField(null=True)
    give_up_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind.label} · {self.device_count} devices"

    @property
    def kind(self) -> ActionKind:
        """The catalogue's entry for what is asked."""
        return KINDS[self.kind_name]

    @property
    def short_id(self) -> str:
        """The first characters of its id: enough to tell requests apart by eye."""
        return self.uuid.hex[:8]
