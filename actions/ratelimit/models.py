"""The account at the vendor (lock, circuit breaker, token) and the calls, which are the ledger."""

from django.db import models
from django.db.models import Q

from actions.account import ACCOUNT_KEY
from actions.ratelimit.states import CallState, Lane, PauseCause


class VendorAccount(models.Model):
    """An account at the vendor. The lock of its row orders all claims.

    `frozen` stops sending until a person resumes it. `restored_at` is when the database was found
    to be a restored backup; resuming clears it. The other fields are the circuit breaker:
    `open_until` stops sending until that time, for the reason and the cause beside it; `half_open`
    allows one call at a time until the vendor gives a good answer; `consecutive_failures` counts
    the failures since the last good answer. The `clock_` fields hold what the shared clock and the
    machine's monotonic clock showed at one moment, in seconds. `epoch` names this course of the
    database, `former_epochs` those that a person has given up (see dispatch/epoch.py).
    `vendor_limit` is the limit that the vendor's latest answer stated. The `devices_` fields hold
    what was learned about the devices that a call may carry (see ratelimit/call_size.py).
    """

    frozen = models.BooleanField(default=False)
    frozen_reason = models.CharField(max_length=500, blank=True)
    restored_at = models.DateTimeField(null=True)
    open_until = models.DateTimeField(null=True)
    open_reason = models.CharField(max_length=500, blank=True)
    open_cause = models.CharField(
        max_length=12, choices=PauseCause.choices, blank=True, db_default="", default=""
    )
    half_open = models.BooleanField(default=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    unauthorized = models.PositiveIntegerField(default=0)
    token_encrypted = models.TextField(blank=True)
    token_expires_at = models.DateTimeField(null=True)
    clock_machine = models.CharField(max_length=64, blank=True)
    clock_wall = models.FloatField(default=0.0)
    clock_own = models.FloatField(default=0.0)
    epoch = models.CharField(max_length=32, blank=True, default="", db_default="")
    former_epochs = models.JSONField(default=list)
    vendor_limit = models.PositiveIntegerField(null=True)
    devices_fit = models.PositiveIntegerField(null=True)
    devices_refused = models.PositiveIntegerField(null=True)
    devices_probed_at = models.DateTimeField(null=True)
    devices_setting = models.CharField(max_length=32, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return "The vendor's account"


class VendorCall(models.Model):
    """One HTTP request to the vendor: what it carried and how it ended.

    The row is written before the first byte is sent and *holds a slot* until `holds_until`: the
    end of the lease plus one window while the call is open, and the reply plus one window after
    the vendor has replied. Proof that the limit is never exceeded: see ratelimit/limiter.py.
    `vendor_words` is the vendor's own text of a failure: shortened, and without secrets. `split_of`
    is the key of the refused call of which this one carries a half.
    """

    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    api = models.CharField(max_length=10)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    kind_name = models.CharField(max_length=32, blank=True)
    params = models.JSONField(default=dict)
    addressing = models.CharField(max_length=4, blank=True)
    coalesce_key = models.CharField(max_length=64, blank=True)
    device_count = models.PositiveIntegerField(default=0)
    action_requests = models.ManyToManyField("actions.ActionRequest", related_name="calls")
    lead_request_id = models.BigIntegerField(null=True)
    split_of = models.BigIntegerField(null=True)
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
    vendor_words = models.CharField(max_length=300, blank=True, db_default="", default="")

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The ledger: which slots are held now, and when does the next one become free?
            models.Index(fields=["holds_until"], name="call_holds"),
            # The chart: how many calls in each minute of the last day?
            models.Index(fields=["claimed_at"], name="call_by_time"),
            # The sweeper: which open calls are past their lease?
            models.Index(
                fields=["lease_until"],
                condition=Q(state=CallState.SENDING),
                name="call_open",
            ),
            # Size of calls: how did both halves of a refused call end?
            models.Index(
                fields=["split_of"], condition=Q(split_of__isnull=False), name="call_halves"
            ),
            # Scheduler: which request had the last call in this lane?
            models.Index(fields=["lane", "-id"], name="call_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.api} #{self.pk}"

    @property
    def seconds(self) -> float | None:
        """Return the vendor's response time in seconds."""
        if self.replied_at is None:
            return None
        return (self.replied_at - self.claimed_at).total_seconds()
