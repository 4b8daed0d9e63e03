"""Rows."""

from django.db import models


class PumpHeartbeat(models.Model):
    """A pump's sign of life; `waiting` says that it naps until the next slot or the next work."""

    name = models.CharField(max_length=100, unique=True)
    beat_at = models.DateTimeField()
    waiting = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
