"""The states of an agent log and the only moves between them, in one table."""

from dataclasses import dataclass

from django.db.models import TextChoices

from actions.errors import Code, IllegalMove


class LogStatus(TextChoices):
    """The state of the file that a command ID stands for."""

    REQUESTED = "requested", "Requested"
    WAITING = "waiting", "Waiting"
    READY = "ready", "Ready"
    UNREADABLE = "unreadable", "Download only"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    STOPPED = "stopped", "Stopped"
    REMOVED = "removed", "Removed"


_L = LogStatus


@dataclass(frozen=True, slots=True)
class LogStatusInfo:
    """What the rest of the program needs to know of a status; `open`: the vendor is polled."""

    explanation: str
    moves: tuple[LogStatus, ...]
    open: bool = False


_ENDS = (_L.READY, _L.UNREADABLE, _L.FAILED, _L.EXPIRED, _L.STOPPED)

LOG_STATUSES: dict[LogStatus, LogStatusInfo] = {
    _L.REQUESTED: LogStatusInfo(
        "The vendor accepted the fetch. The file has not been polled yet.",
        moves=(_L.WAITING, *_ENDS),
        open=True,
    ),
    _L.WAITING: LogStatusInfo(
        "The vendor had no file at the last poll. It is polled again.",
        moves=(_L.WAITING, *_ENDS),
        open=True,
    ),
    _L.READY: LogStatusInfo("The file is stored here and can be read.", moves=(_L.REMOVED,)),
    _L.UNREADABLE: LogStatusInfo(
        "The file is stored here as the vendor sent it. It cannot be shown, only downloaded.",
        moves=(_L.REMOVED,),
    ),
    _L.FAILED: LogStatusInfo("There is no file. The reason is shown below.", moves=(_L.WAITING,)),
    _L.EXPIRED: LogStatusInfo(
        "The vendor had no file before the deadline. Polling has ended.", moves=(_L.WAITING,)
    ),
    _L.STOPPED: LogStatusInfo("A user stopped fetching.", moves=(_L.WAITING,)),
    _L.REMOVED: LogStatusInfo(
        "The file was removed after its retention time, or before for the reason below.",
        moves=(_L.WAITING,),
    ),
}
"""All that is known of each status."""

LOG_OPEN = frozenset(status for status, info in LOG_STATUSES.items() if info.open)
LOG_STORED = frozenset((_L.READY, _L.UNREADABLE))
"""The states in which the file is stored here."""


def check_log_move(old: LogStatus, new: LogStatus) -> None:
    """Raise IllegalMove unless a log may go from `old` to `new`."""
    if new not in LOG_STATUSES[old].moves:
        raise IllegalMove(
            Code.ILLEGAL_MOVE, "An agent log cannot go from %(old)s to %(new)s.", old=old, new=new
        )
