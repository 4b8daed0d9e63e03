"""What the vendor told us of its devices and their groups, and when."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

SORTED = (
    *("host_name", "nickname", "status", "severity", "device_type", "os_family"),
    *("os_name", "agent_type", "agent_version_key", "group_name", "user_name", "ip"),
    *("public_ip", "mac", "enrolled_at", "last_seen", "last_reboot", "read_at"),
)
"""The columns besides the name by which the list of devices can be sorted."""

LISTED = Q(gone_at=None)


class DeviceGroup(models.Model):
    """A group of devices at the vendor; its policy judges them."""

    vendor_id = models.CharField(max_length=255, unique=True)
    name = models.CharField(max_length=255)
    device_count = models.PositiveIntegerField(null=True)
    read_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "vendor_id"]

    def __str__(self) -> str:
        return self.name or self.vendor_id


class Device(models.Model):
    """A machine that the vendor manages, as last read; `vendor_id` is the vendor's name for it.

    Texts are kept as the vendor sent them, so a name may hold anything: pages escape them.
    `gone_at` says when the vendor no longer had it; its history stays. `read_at` is how old all
    this is, `seen_by` the number of the read of the inventory that had begun last by then.
    `search_text` holds all
    that names it, in small letters, a line each; `agent_version_key` sorts as versions do.
    """

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
    seen_by = models.BigIntegerField(default=0)
    gone_at = models.DateTimeField(null=True)
    search_text = models.TextField(blank=True)
    agent_version_key = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [
            # The device list: in order of name, all of them or those of one status.
            models.Index(fields=["name", "id"], name="device_by_name"),
            models.Index(fields=["status", "name", "id"], name="device_by_status"),
            # Pick: which devices are called so, in whatever case.
            models.Index(Lower("name"), name="device_named"),
            models.Index(Lower("host_name"), name="device_host_named"),
            models.Index(Lower("nickname"), name="device_nicknamed"),
            # The device list: in order of any column, from any place; and which words there are.
            *(
                models.Index(fields=[name, "id"], condition=LISTED, name=f"listed_{name}")
                for name in SORTED
            ),
            # How many are there? With the column itself, else SQLite reads the whole table.
            models.Index(fields=["id", "gone_at"], condition=LISTED, name="listed_all"),
            # The devices that went.
            models.Index(fields=["gone_at"], condition=Q(gone_at__isnull=False), name="gone"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What to call it on a screen: its name, or else what the vendor calls it."""
        return self.name or self.nickname or self.host_name or self.vendor_id


class DeviceMac(models.Model):
    """A hardware address of a device, as AA:BB:CC:DD:EE:FF."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="macs")
    mac = models.CharField(max_length=17)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mac", "device"], name="mac_once_for_a_device"),
        ]

    def __str__(self) -> str:
        return self.mac
