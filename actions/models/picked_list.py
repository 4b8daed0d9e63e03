"""A list that somebody pasted or uploaded to choose devices by, kept while it is looked through."""

import uuid

from django.conf import settings
from django.db import models


class PickedList(models.Model):
    """One person's list as it was read; what it means is looked up anew with each look.

    `content` is JSON: for each line that is not blank, its number and its cells. It is dropped
    after a week.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255, blank=True)
    content = models.TextField()
    width = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.line_count} lines"
