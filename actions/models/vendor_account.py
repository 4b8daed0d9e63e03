"""The one account at the vendor: its lock, its brakes, its token; and who is pumping."""

from django.db import models


class VendorAccount(models.Model):
    """The single row whose lock orders all claims.

    `frozen` stops all sending until a person lifts it. `blocked_until` stops it until a moment,
    with the reason beside it. `probe` means: one call alone until the vendor gives a good answer.
    `trouble` counts the troubles since that last good answer. The `clock_` fields are what the
    shared clock and a machine's own showed at one moment, in seconds.
    """

    frozen = models.BooleanField(default=False)
    frozen_reason = models.CharField(max_length=500, blank=True)
    blocked_until = models.DateTimeField(null=True)
    blocked_reason = models.CharField(max_length=500, blank=True)
    probe = models.BooleanField(default=True)
    trouble = models.PositiveIntegerField(default=0)
    unauthorized = models.PositiveIntegerField(default=0)
    token_sealed = models.TextField(blank=True)
    token_until = models.DateTimeField(null=True)
    clock_machine = models.CharField(max_length=64, blank=True)
    clock_wall = models.FloatField(default=0.0)
    clock_own = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return "The vendor's account"


class PumpHeartbeat(models.Model):
    """A pump's sign of life; `waiting` says that it naps until the next slot or the next work."""

    name = models.CharField(max_length=100, unique=True)
    beat_at = models.DateTimeField()
    waiting = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
