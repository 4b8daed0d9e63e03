"""Heartbeats of the processes that work in the background."""

from django.db import models


class DispatcherHeartbeat(models.Model):
    """The last sign of life of a worker or of the ticker.

    `idle`: a worker's dispatcher waits for the next slot or for work. `problem` is what keeps a
    process from its usual way of working.
    """

    WORKER, TICKER = "worker", "ticker"

    part = models.CharField(max_length=10, default=WORKER, db_default=WORKER)
    name = models.CharField(max_length=100, unique=True)
    heartbeat_at = models.DateTimeField()
    idle = models.BooleanField(default=False)
    problem = models.CharField(max_length=200, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.name
