"""States."""

from django.db.models import IntegerChoices, TextChoices


class Lane(IntegerChoices):
    """Who goes first when several calls want the next slot; the lower number does."""

    URGENT = 0, "Urgent"
    NORMAL = 1, "Normal"
    BULK = 2, "Bulk"
    REPORTS = 3, "Reports"
    INVENTORY = 4, "Inventory"


class CallState(TextChoices):
    """How one HTTP request to the vendor stands."""

    SENDING = "sending", "On its way"
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "No usable answer"
    NOT_SENT = "not_sent", "Never connected"
    LOST = "lost", "Worker died"
    FOREIGN = "foreign", "Made by somebody else"
