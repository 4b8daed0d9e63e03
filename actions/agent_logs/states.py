"""States."""

from django.db.models import TextChoices

from actions.errors import IllegalMove


class LogStatus(TextChoices):
    """How far the file has come that a command ID promises."""

    REQUESTED = "requested", "Requested"
    WAITING = "waiting", "Waiting"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    STOPPED = "stopped", "Stopped"
    REMOVED = "removed", "Removed"


_L = LogStatus


LOG_OPEN = frozenset({_L.REQUESTED, _L.WAITING})
"""The vendor is still asked for these."""


LOG_MEANING: dict[LogStatus, str] = {
    _L.REQUESTED: "The vendor accepted the fetch. It has not been asked for the file yet.",
    _L.WAITING: "The vendor was asked and had no file yet. It is asked again.",
    _L.READY: "The file is stored here and can be read.",
    _L.FAILED: "There is no file that can be read. See why.",
    _L.EXPIRED: "The vendor had no file in time. It is asked no more by itself.",
    _L.STOPPED: "A person ended the asking.",
    _L.REMOVED: "The file was kept for its time and then removed.",
}


LOG_MOVES: dict[LogStatus, frozenset[LogStatus]] = {
    _L.REQUESTED: frozenset({_L.WAITING, _L.READY, _L.FAILED, _L.EXPIRED, _L.STOPPED}),
    _L.WAITING: frozenset({_L.WAITING, _L.READY, _L.FAILED, _L.EXPIRED, _L.STOPPED}),
    _L.READY: frozenset({_L.REMOVED}),
    _L.FAILED: frozenset({_L.WAITING}),
    _L.EXPIRED: frozenset({_L.WAITING}),
    _L.STOPPED: frozenset({_L.WAITING}),
    _L.REMOVED: frozenset({_L.WAITING}),
}


def check_log_move(old: LogStatus, new: LogStatus) -> None:
    """Raise IllegalMove unless a log may go from `old` to `new`."""
    if new not in LOG_MOVES[old]:
        raise IllegalMove(f"An agent log cannot go from {old} to {new}.")
