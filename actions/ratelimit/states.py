"""The lanes that calls travel in, and the states of a call."""

from django.db.models import IntegerChoices, TextChoices


class Lane(IntegerChoices):
    """Priority of a call: the lower number gets the next slot."""

    URGENT = 0, "Urgent"
    NORMAL = 1, "Normal"
    BULK = 2, "Bulk"
    REPORTS = 3, "Reports"
    INVENTORY = 4, "Inventory"


class PauseCause(TextChoices):
    """What the circuit breaker is open for, where a person may have to act."""

    NONE = "", "An error that passes"
    CREDENTIALS = "credentials", "The sign-in service refused the credentials"
    SIGN_IN = "sign_in", "The sign-in service gave no token"
    TOKEN = "token", "The API refused a new token"
    REFUSED = "refused", "Calls were refused as such"


class CallState(TextChoices):
    """The state of one HTTP request to the vendor."""

    SENDING = "sending", "In flight"
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "No usable answer"
    NOT_SENT = "not_sent", "Not connected"
    LOST = "lost", "Worker died"
    FOREIGN = "foreign", "Made by another client"
