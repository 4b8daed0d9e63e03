"""The tables of the audit trail: lines, the devices of each, marks, and counted refusals."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from actions.account import DEFAULT_ACCOUNT


class AuditEvent(models.Model):
    """One line of the audit trail: who, when, what, on what, why and from where.

    The table is append-only: database triggers refuse any other change. The primary key counts
    without gaps, in the order of the chain (see chain.py). `signature` signs the line together
    with `previous`, the signature of the line before it. The actor's name is stored as text beside
    the key, so deleting a person changes no line. `reason` is what a person wrote, `detail` an
    explanation by the engine. `kind`, `count` and `call` repeat parts of `data` for queries.
    `lists_devices` is set if rows of AuditDevice name the devices of the line. For a command,
    `actor` is the user of the operating system, on `host` at `terminal`; `on_behalf_of` is the
    person of the console in whose name it acted.
    """

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=20)
    source = models.CharField(max_length=10)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=255)
    reason = models.TextField(blank=True)
    detail = models.TextField(blank=True, default="", db_default="")
    ticket = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=32, blank=True)
    count = models.IntegerField(null=True)
    call = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    lists_devices = models.BooleanField(default=False)
    search_text = models.TextField(blank=True)
    account = models.BigIntegerField(default=DEFAULT_ACCOUNT, db_default=DEFAULT_ACCOUNT)
    on_behalf_of = models.CharField(max_length=150, blank=True, default="", db_default="")
    host = models.CharField(max_length=255, blank=True, default="", db_default="")
    terminal = models.CharField(max_length=64, blank=True, default="", db_default="")
    key_id = models.CharField(max_length=16)
    previous = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Lines about this request, person or device.
            models.Index(fields=["subject_kind", "subject", "-id"], name="event_of_subject"),
            models.Index(fields=["actor", "-id"], name="event_of_actor"),
            # Lines with this verb, and of these the lines about a kind of action.
            models.Index(fields=["verb", "-id", "kind"], name="event_of_verb_and_kind"),
            # Lines about this kind of action.
            models.Index(fields=["kind", "-id"], condition=~Q(kind=""), name="event_of_kind"),
            # Lines from this source: few come from the command line.
            models.Index(fields=["source", "-id"], name="event_of_source"),
            # Lines of this vendor call; lines of this HTTP request.
            models.Index(fields=["call", "id"], condition=Q(call__gt=0), name="event_of_call"),
            models.Index(
                fields=["request_id", "id"],
                condition=~Q(request_id=""),
                name="event_of_http_request",
            ),
            # Lines in the name of this person: few.
            models.Index(
                fields=["on_behalf_of", "-id"],
                condition=~Q(on_behalf_of=""),
                name="event_on_behalf_of",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"


class AuditDevice(models.Model):
    """A device that a line of the trail names, with its status there; append-only as well.

    Both are inserted at once and never changed. So PostgreSQL need not check the foreign key again
    for each device, while other writers wait for the lock of the chain.
    """

    event = models.ForeignKey(
        AuditEvent,
        on_delete=models.DO_NOTHING,
        related_name="devices",
        db_constraint=False,
        db_index=False,
    )
    device_key = models.CharField(max_length=255)
    status = models.CharField(max_length=12, blank=True)

    class Meta:
        indexes = [
            # Lines about this device; lines with this outcome.
            models.Index(fields=["device_key", "-event"], name="device_in_event"),
            models.Index(fields=["status", "-event"], name="outcome_in_event"),
            models.Index(fields=["event"], name="devices_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.device_key} in {self.event_id}"


class AuditMark(models.Model):
    """A number under a signature: the end of the trail, written anchors, or a key; see head.py."""

    name = models.CharField(max_length=80, primary_key=True)
    number = models.BigIntegerField()
    key_id = models.CharField(max_length=16)
    mac = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.name}: {self.number}"


class Fingerprint(models.Model):
    """What all hosts of this database must have alike: a name and a digest; see fingerprints.py."""

    name = models.CharField(max_length=20, primary_key=True)
    value = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class RefusalCount(models.Model):
    """The refusals of one person, or of all strangers, of one kind in one minute; see ceilings.py.

    `untold` counts those that have no line of their own yet; `line` holds what the line that tells
    their number says of the person.
    """

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    told = models.IntegerField(default=0)
    untold = models.IntegerField(default=0)
    line = models.JSONField(default=dict)

    class Meta:
        indexes = [
            # Counts of minutes that are over.
            models.Index(fields=["started_at"], name="refusals_by_start"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.told} and {self.untold}"
