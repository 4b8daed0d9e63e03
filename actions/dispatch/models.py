"""Rows."""

from django.db import models


class DispatcherHeartbeat(models.Model):
    """A pump's sign of life; `idle` says that it waits for the next slot or the next work."""

    name = models.CharField(max_length=100, unique=True)
    heartbeat_at = models.DateTimeField()
    idle = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
