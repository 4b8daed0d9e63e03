"""Tables of devices, groups and the reads of both, with the time of each read."""

from django.db import models
from django.db.models import Q

from actions.account import ACCOUNT_KEY
from actions.ratelimit.states import Lane

SORTED = (
    *("host_name", "nickname", "status", "severity", "device_type", "os_family"),
    *("os_name", "agent_type", "agent_version_key", "group_name", "user_name", "ip"),
    *("public_ip", "mac", "enrolled_at", "last_seen", "last_reboot", "read_at"),
)
"""Columns, besides the name, by which the device list can be sorted."""

LISTED = Q(gone_at=None)
"""Devices that the vendor still has."""


class DeviceGroup(models.Model):
    """A group of devices at the vendor; its policy applies to them."""

    vendor_id = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    device_count = models.PositiveIntegerField(null=True)
    read_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "vendor_id"]

    def __str__(self) -> str:
        return self.name or self.vendor_id


class Device(models.Model):
    """A machine that the vendor manages, as last read; `vendor_id` is the vendor's id for it.

    Texts are kept as the vendor sent them, so a name may contain anything: pages escape them.
    `gone_at` is when the vendor was found not to list it any more; its history stays. `read_at` is
    when the row was last read, `last_sync_id` the key of the InventorySync that had started last
    by then. `search_text` holds all names, ids and addresses of the device, folded, one a line;
    `name_key`, `host_name_key` and `nickname_key` are the folded names (`actions.folding`), for
    exact matches. `agent_version_key` sorts as versions do.
    """

    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    vendor_id = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255, blank=True)
    host_name = models.CharField(max_length=255, blank=True)
    nickname = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=255, blank=True)
    severity = models.CharField(max_length=255, blank=True)
    device_type = models.CharField(max_length=255, blank=True)
    os_family = models.CharField(max_length=255, blank=True)
    os_name = models.CharField(max_length=255, blank=True)
    os_version = models.CharField(max_length=255, blank=True)
    agent_type = models.CharField(max_length=255, blank=True)
    agent_version = models.CharField(max_length=255, blank=True)
    group_name = models.CharField(max_length=255, blank=True)
    public_ip = models.CharField(max_length=255, blank=True)
    ip = models.CharField(max_length=255, blank=True)
    user_name = models.CharField(max_length=255, blank=True)
    mac = models.CharField(max_length=17, blank=True)
    enrolled_at = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)
    last_reboot = models.DateTimeField(null=True)
    read_at = models.DateTimeField()
    last_sync_id = models.BigIntegerField(default=0)
    gone_at = models.DateTimeField(null=True)
    search_text = models.TextField(blank=True)
    agent_version_key = models.CharField(max_length=32, blank=True)
    name_key = models.CharField(max_length=255, blank=True, default="", db_default="")
    host_name_key = models.CharField(max_length=255, blank=True, default="", db_default="")
    nickname_key = models.CharField(max_length=255, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            # Device list: which devices come next by name, of all or of one status?
            models.Index(fields=["name", "id"], name="device_by_name"),
            models.Index(fields=["status", "name", "id"], name="device_by_status"),
            # Uploaded lists: which devices have this name, in any spelling?
            models.Index(fields=["name_key"], name="device_named"),
            models.Index(fields=["host_name_key"], name="device_host_named"),
            models.Index(fields=["nickname_key"], name="device_nicknamed"),
            # Device list: which listed devices come next by this column? Which values does it have?
            *(
                models.Index(fields=[name, "id"], condition=LISTED, name=f"listed_{name}")
                for name in SORTED
            ),
            # How many devices are listed? Without `gone_at` in it SQLite reads the whole table.
            models.Index(fields=["id", "gone_at"], condition=LISTED, name="listed_all"),
            # Which devices are gone?
            models.Index(fields=["gone_at"], condition=Q(gone_at__isnull=False), name="gone"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name for screens: the first of name, nickname, host name and vendor id."""
        return self.name or self.nickname or self.host_name or self.vendor_id


class DeviceMac(models.Model):
    """A hardware address of a device, as AA:BB:CC:DD:EE:FF."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="macs")
    mac = models.CharField(max_length=17)

    class Meta:
        constraints = [
            # Search and uploaded lists: which devices have this MAC address?
            models.UniqueConstraint(fields=["mac", "device"], name="mac_once_for_a_device"),
        ]

    def __str__(self) -> str:
        return self.mac


PAGE = 50
"""Devices or groups in one call: the vendor's maximum (Get Devices v3.7, Get Groups: `limit`)."""


class InventorySync(models.Model):
    """One read of the inventory; each page is one transaction, so a crash loses no progress.

    `cursor` is the vendor's token for the next page of devices. After the end it is the token of
    the last page, from which a later read finds newly enrolled devices. `since` is the time from
    which changes are requested. `expected` is the expected number of devices. `page_interval` is
    the time between two pages in seconds, 0 for no pause. `dropped` counts the rows that could not
    be read, `empty_pages` the empty pages in a row. `notice` tells what went wrong without ending
    the read. `short` says that it ended with clearly fewer devices than the groups have.
    """

    class Kind(models.TextChoices):
        """Which devices a sync reads."""

        FULL = "full", "Full read"
        BACKGROUND = "background", "Background read"
        NEW = "new", "New devices"
        CHANGES = "changes", "Changes"

    class Stage(models.TextChoices):
        """What a sync reads next, or how it ended."""

        GROUPS = "groups", "Groups"
        DEVICES = "devices", "Devices"
        CHANGES = "changes", "Changes"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        REPLACED = "replaced", "Replaced"
        STOPPED = "stopped", "Stopped"

    account = models.ForeignKey("actions.VendorAccount", on_delete=models.PROTECT, **ACCOUNT_KEY)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FULL)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.GROUPS)
    page = models.PositiveIntegerField(default=1)
    cursor = models.TextField(blank=True)
    since = models.DateTimeField(null=True)
    expected = models.PositiveIntegerField(default=0)
    page_interval = models.FloatField(default=0)
    devices_read = models.PositiveIntegerField(default=0)
    groups_read = models.PositiveIntegerField(default=0)
    removed_count = models.PositiveIntegerField(default=0)
    dropped = models.PositiveIntegerField(db_default=0, default=0)
    empty_pages = models.PositiveSmallIntegerField(db_default=0, default=0)
    calls = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    running = models.BooleanField(default=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    detail = models.CharField(max_length=500, blank=True)
    notice = models.CharField(max_length=500, blank=True, db_default="", default="")
    short = models.BooleanField(db_default=False, default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Is a sync of this kind running? A second person who asks for one joins it.
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(running=True),
                name="one_read_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.stage}: {self.devices_read} devices"

    @property
    def calls_left(self) -> int:
        """Estimated number of calls that are left; at least one while the sync runs."""
        pages = -(-(self.expected - self.devices_read) // PAGE)
        return max(1, pages) + (1 if self.stage == self.Stage.GROUPS else 0)


class SyncCursor(models.Model):
    """A cursor that a running read has been given, as a digest, to detect pages in a circle."""

    sync = models.ForeignKey(
        InventorySync, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    digest = models.CharField(max_length=32)

    class Meta:
        constraints = [
            # Has this read been given this cursor before?
            models.UniqueConstraint(fields=["sync", "digest"], name="cursor_once_in_a_read"),
        ]

    def __str__(self) -> str:
        return self.digest


FULL_READ_KINDS = (InventorySync.Kind.FULL, InventorySync.Kind.BACKGROUND)
"""Kinds of sync that read every device."""


class DeviceRefresh(models.Model):
    """A queued read of one device's details, because somebody acts on it or views it.

    The row is deleted after the read. After too many failures `due_at` is empty and `detail` says
    why.
    """

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="refresh")
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            # Claim: which device of this lane is refreshed next?
            models.Index(
                fields=["lane", "due_at"],
                condition=Q(due_at__isnull=False),
                name="refresh_due",
            ),
        ]

    def __str__(self) -> str:
        return f"refresh of {self.device_id}"


class DeviceSnapshot(models.Model):
    """The vendor's record of a device as received, from the last read of its details."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="snapshot")
    record = models.TextField()
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"record of {self.device_id}"


class DeviceAlias(models.Model):
    """A name, id or MAC that a device has or had, folded; rows are never deleted."""

    device_key = models.CharField(max_length=255)
    text = models.CharField(max_length=255)

    class Meta:
        constraints = [
            # Audit trail: which devices have or had this name, id or MAC?
            models.UniqueConstraint(fields=["text", "device_key"], name="alias_once_for_a_device"),
        ]

    def __str__(self) -> str:
        return self.text
