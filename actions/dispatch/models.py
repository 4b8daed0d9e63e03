"""Heartbeats of dispatchers."""

from django.db import models


class DispatcherHeartbeat(models.Model):
    """The last sign of life of a dispatcher; `idle`: it waits for the next slot or for work."""

    name = models.CharField(max_length=100, unique=True)
    heartbeat_at = models.DateTimeField()
    idle = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
