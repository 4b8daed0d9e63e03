"""The lanes that calls travel in, and the states of a call."""

from django.db.models import IntegerChoices, TextChoices


class Lane(IntegerChoices):
    """Priority of a call: the lower number gets the next slot."""

    URGENT = 0, "Urgent"
    NORMAL = 1, "Normal"
    BULK = 2, "Bulk"
    REPORTS = 3, "Reports"
    INVENTORY = 4, "Inventory"


class CallState(TextChoices):
    """The state of one HTTP request to the vendor."""

    SENDING = "sending", "In flight"
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "No usable answer"
    NOT_SENT = "not_sent", "Not connected"
    LOST = "lost", "Worker died"
    FOREIGN = "foreign", "Made by another client"
