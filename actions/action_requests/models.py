"""A person's request, and its command for each device."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from actions.account import ACCOUNT_KEY
from actions.action_requests.states import WAITING, CommandStatus, check_move
from actions.catalog import KINDS, ActionKind
from actions.inventory.models import Device
from actions.ratelimit import clock
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane


class KeptRequests(models.Manager["ActionRequest"]):
    """Requests without those that retention is removing, which nobody sees any more."""

    def get_queryset(self) -> models.QuerySet["ActionRequest"]:
        """Return the requests that are not being removed."""
        return super().get_queryset().filter(removing=False)


class ActionRequest(models.Model):
    """What a person requested: a kind, parameters, a reason, a frozen set of devices.

    It has no status of its own: progress is counted from its commands, so the two cannot differ.
    `paused` is read when commands return from a call. `parent` is the request that this one
    retries or undoes; `origin` says which of the two. `form_token` names the form of a person,
    `digest` is the SHA-256 of kind, parameters and devices (`submissions`). `version` grows with
    every change of a command; open pages compare it. `removing`: retention deletes its commands,
    and then the request.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    form_token = models.UUIDField()
    digest = models.CharField(max_length=64, default="")
    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    kind_name = models.CharField(max_length=32)
    params = models.JSONField(default=dict)
    addressing = models.CharField(max_length=4)
    coalesce_key = models.CharField(max_length=64)
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
    removing = models.BooleanField(default=False, db_default=False)

    objects = KeptRequests()
    everything = models.Manager["ActionRequest"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "actor", "form_token"], name="request_once_for_a_form"
            ),
            models.UniqueConstraint(
                fields=["parent", "origin", "digest"],
                condition=Q(parent__isnull=False),
                name="request_once_for_a_parent",
            ),
        ]
        indexes = [
            # Retention: which requests has a run begun to remove?
            models.Index(fields=["id"], condition=Q(removing=True), name="request_removing"),
        ]

    def __str__(self) -> str:
        return f"{self.kind.label} · {self.device_count} devices"

    @property
    def kind(self) -> ActionKind:
        """The catalogue entry of its kind."""
        return KINDS[self.kind_name]

    @property
    def short_id(self) -> str:
        """The first eight characters of its id."""
        return self.uuid.hex[:8]


class DeviceCommandQuerySet(models.QuerySet["DeviceCommand"]):
    """Commands, with the only method that changes their status."""

    def move(self, old: CommandStatus, new: CommandStatus, **changes: Any) -> int:
        """Move the rows that are still in `old`; return how many this caller moved.

        It is a compare-and-swap: of two callers only one moves a row.
        """
        check_move(old, new)
        at = clock.now()
        changes["settled_at"] = None if new in WAITING else at
        return self.filter(status=old).update(status=new, moved_at=at, **changes)


class DeviceCommand(models.Model):
    """What one request asks for one device.

    `target` is the id or MAC exactly as it is sent to the vendor. The device's name, id and MAC
    are stored as text, so that the record outlives the device. `device_key` is one text for a
    device, however it is addressed. `split_group` separates the halves of a refused call.
    `coalesced` marks a command whose device another command of the same call names. `in_doubt`
    says that an earlier call with it had no usable answer, so that it may have taken effect; if it
    has no `call`, the database was restored, and the call is not known.
    `device_status` and `device_group` are the device's values at the time of the request.
    `check_at` is the time of the next read-back.
    """

    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    # No index of its own: two of the indexes below begin with it, and each slows a submit.
    request = models.ForeignKey(
        ActionRequest, on_delete=models.PROTECT, related_name="commands", db_index=False
    )
    # Without a database constraint, which locks each device's row: a fifth of the time of a large
    # submit, for a link that is set to NULL when a device is deleted.
    device = models.ForeignKey(
        Device,
        null=True,
        on_delete=models.SET_NULL,
        related_name="commands",
        db_index=False,
        db_constraint=False,
    )
    target = models.CharField(max_length=255)
    device_key = models.CharField(max_length=255)
    device_name = models.CharField(max_length=255, blank=True)
    device_vendor_id = models.CharField(max_length=255, blank=True)
    device_mac = models.CharField(max_length=17, blank=True)
    status = models.CharField(max_length=12, choices=CommandStatus.choices)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    coalesce_key = models.CharField(max_length=64)
    split_group = models.BigIntegerField(default=0)
    coalesced = models.BooleanField(default=False)
    cancel_asked = models.BooleanField(default=False)
    in_doubt = models.BooleanField(default=False)
    device_status = models.CharField(max_length=255, blank=True)
    device_group = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    check_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)
    call = models.ForeignKey(
        VendorCall, null=True, on_delete=models.PROTECT, related_name="commands", db_index=False
    )
    vendor_status = models.IntegerField(null=True)
    vendor_raw = models.CharField(max_length=100, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    command_id = models.CharField(max_length=255, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    objects = DeviceCommandQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "target"], name="command_once_for_a_target"),
            # Never two open calls for one device; a coalesced command names no device of its own.
            models.UniqueConstraint(
                fields=["device_key"],
                condition=Q(status=CommandStatus.SENDING, coalesced=False),
                name="one_open_call_for_a_device",
            ),
        ]
        indexes = [
            # Claim: which command goes next in this lane, request by request?
            models.Index(
                fields=["lane", "request", "id"],
                condition=Q(status=CommandStatus.QUEUED),
                name="command_due",
            ),
            # Order for one device: is an older command for it still queued?
            models.Index(
                fields=["device_key", "id"],
                condition=Q(status=CommandStatus.QUEUED),
                name="command_before_it",
            ),
            # Read-back, device page and list: which commands had this device, and when?
            models.Index(fields=["device_key", "created_at"], name="command_of_device"),
            # Claim: which commands can be coalesced into a call with these parameters?
            models.Index(
                fields=["coalesce_key", "request", "lane", "id"],
                condition=Q(status=CommandStatus.QUEUED),
                name="command_coalesce",
            ),
            # Release: which held commands are due?
            models.Index(
                fields=["due_at"],
                condition=Q(status=CommandStatus.HELD),
                name="command_held",
            ),
            # Every page: which requests have held commands? It includes the status column, as
            # SQLite would otherwise prefer the index of all commands.
            models.Index(
                fields=["request", "status"],
                condition=Q(status=CommandStatus.HELD),
                name="command_held_of",
            ),
            # Sweeper: which waiting commands have expired?
            models.Index(
                fields=["expires_at"],
                # No list of statuses: SQLite does not use a partial index for one.
                condition=Q(settled_at=None, expires_at__isnull=False),
                name="command_expires",
            ),
            # Settling and the page of calls: which commands were in this call?
            models.Index(fields=["call"], condition=Q(call__isnull=False), name="command_of_call"),
            # Overview: which requests have unconfirmed commands?
            models.Index(
                fields=["request", "status"],
                condition=Q(status=CommandStatus.UNCONFIRMED),
                name="command_unsure",
            ),
            # Resuming after a restore: which commands are in doubt because of it?
            models.Index(
                fields=["id", "request"],
                condition=Q(status=CommandStatus.UNCONFIRMED, in_doubt=True, call=None),
                name="command_in_doubt",
            ),
            # Read-back: which command is read back next?
            models.Index(
                fields=["status", "check_at"],
                condition=Q(check_at__isnull=False),
                name="command_to_check",
            ),
            # Request page: how many commands have each status, and which?
            models.Index(fields=["request", "status", "id"], name="command_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}:{self.target}"

    @property
    def label(self) -> str:
        """The device's name on pages: its stored name, or else the target."""
        return self.device_name or self.target
