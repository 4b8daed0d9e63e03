"""The file that a command ID stands for: its state, and where it is stored."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from actions.account import ACCOUNT_KEY
from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.agent_logs.states import LOG_OPEN, LogStatus, check_log_move
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane


class AgentLogQuerySet(models.QuerySet["AgentLog"]):
    """Logs, with the only method that changes their status."""

    def move(self, old: LogStatus, new: LogStatus, at: datetime, **changes: Any) -> int:
        """Move the logs that are still in `old`; return how many this caller moved."""
        check_log_move(old, new)
        changes["open"] = new in LOG_OPEN
        return self.filter(status=old).update(status=new, moved_at=at, **changes)


class AgentLog(models.Model):
    """One device's log, polled until it is there or its `deadline` has passed.

    `open` says that the vendor is still polled. `viewed_until` is until when its page counts as
    open, which makes polls more frequent. `lane` is normal for one call after "Fetch now". `call`
    is the latest poll. `message` is the reason why there is no file, the vendor's or our own.
    `stored_as` is our own name of the file, never one of the vendor's.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    command = models.OneToOneField(
        DeviceCommand, on_delete=models.PROTECT, related_name="agent_log"
    )
    request = models.ForeignKey(ActionRequest, on_delete=models.PROTECT, related_name="agent_logs")
    status = models.CharField(max_length=10, choices=LogStatus.choices, default=LogStatus.REQUESTED)
    open = models.BooleanField(default=True)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices, default=Lane.REPORTS)
    due_at = models.DateTimeField()
    deadline = models.DateTimeField()
    viewed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_polled_at = models.DateTimeField(null=True)
    call = models.ForeignKey(VendorCall, null=True, on_delete=models.PROTECT, related_name="+")
    message = models.CharField(max_length=500, blank=True)
    stored_as = models.CharField(max_length=100, blank=True)
    size = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    files = models.PositiveIntegerField(null=True)
    stored_at = models.DateTimeField(null=True)
    keep_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField()

    objects = AgentLogQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Claim: which log is polled next in this lane? Sweeper: which is past its deadline?
            models.Index(fields=["lane", "due_at"], condition=Q(open=True), name="log_due"),
            # Sweeper: which file is past its retention time?
            models.Index(
                fields=["keep_until"],
                condition=Q(keep_until__isnull=False),
                name="log_kept",
            ),
            # The list: the logs of one status, newest first.
            models.Index(fields=["status", "-id"], name="log_by_status"),
            # The request: its logs, newest first.
            models.Index(fields=["request", "-id"], name="log_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.status}: {self.command_id}"
