"""The one account at the vendor: its lock, its brakes, its token; and who is pumping."""

from django.db import models
from django.db.models import Q

from actions.ratelimit.states import CallState, Lane


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


class VendorCall(models.Model):
    """One HTTP request to the vendor: what it carried and how it ended.

    The row is written before the first byte leaves and *holds a slot* until `holds_until`: while
    the call is open that is the end of its lease plus one window, and once the vendor has
    replied, the reply plus one window. Why never over the limit: see services/budget.py.
    """

    api = models.CharField(max_length=10)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    kind_name = models.CharField(max_length=32, blank=True)
    params = models.JSONField(default=dict)
    addressing = models.CharField(max_length=4, blank=True)
    likeness = models.CharField(max_length=64, blank=True)
    device_count = models.PositiveIntegerField(default=0)
    action_requests = models.ManyToManyField("ActionRequest", related_name="calls")
    lead_request_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=CallState.choices)
    worker = models.CharField(max_length=100, blank=True)
    claimed_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    replied_at = models.DateTimeField(null=True)
    holds_until = models.DateTimeField()
    http_status = models.PositiveSmallIntegerField(null=True)
    rate_limit = models.IntegerField(null=True)
    rate_remaining = models.IntegerField(null=True)
    rate_reset_after = models.FloatField(null=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The ledger: which slots are held at this moment, and when does the next one free?
            models.Index(fields=["holds_until"], name="call_holds"),
            # The chart: how many calls in each minute of the last day?
            models.Index(fields=["claimed_at"], name="call_by_time"),
            # The sweeper: which open calls are past their lease?
            models.Index(
                fields=["lease_until"],
                condition=Q(state=CallState.SENDING),
                name="call_open",
            ),
            # Turns: whose call went last in this lane?
            models.Index(fields=["lane", "-id"], name="call_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.api} #{self.pk}"

    @property
    def seconds(self) -> float | None:
        """How long the vendor took to reply, in seconds."""
        if self.replied_at is None:
            return None
        return (self.replied_at - self.claimed_at).total_seconds()
