"""Tables of retention: who runs it, what it removed, and the size of the installation each day."""

from django.db import models


class RetentionLease(models.Model):
    """The one row that a run holds, so that two hosts never remove the same things.

    `until` is moved on with each piece; a run that was killed loses the lease when it has passed.
    `problem` is why the last run removed less than it should.
    """

    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.holder or "free"


class RetentionCount(models.Model):
    """How many rows or files of one kind were removed.

    `untold` were removed since the last line of the trail: it is counted in the transaction of
    each piece, so a killed run's count is told by the next one. `removed` is what that line told,
    at `told_at`; `upto` is the time before which things were removed.
    """

    name = models.CharField(max_length=30, unique=True)
    untold = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    told_at = models.DateTimeField(null=True)
    upto = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.removed}"


class StorageDay(models.Model):
    """The sizes of tables and folders on one day, in bytes by name."""

    day = models.DateField(unique=True)
    sizes = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.day}"
