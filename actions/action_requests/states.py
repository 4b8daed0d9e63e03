"""The states of a command and the only moves between them, in one table.

held ⇄ queued ⇄ sending ─► accepted ─► confirmed | not_seen
 │        │         ├─► unsupported      the vendor's status 0
 │        │         ├─► failed           the vendor's status -1, or a 4xx for the whole call
 ▼        ▼         └─► unconfirmed ─► accepted | unsupported | failed | queued
cancelled / expired

A command whose call was not sent goes back to *queued*, or to *held* or *cancelled* if a person
paused or cancelled it meanwhile. A command that is to be sent again because its call had no answer
cannot become *cancelled* or *expired*, as it may have taken effect: it becomes *unconfirmed*.
"""

from dataclasses import dataclass

from django.db.models import TextChoices

from actions.errors import Code, IllegalMove


class CommandStatus(TextChoices):
    """The state of what one request asks for one device."""

    HELD = "held", "Held"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    ACCEPTED = "accepted", "Accepted"
    CONFIRMED = "confirmed", "Confirmed"
    NOT_SEEN = "not_seen", "Not seen"
    UNSUPPORTED = "unsupported", "Unsupported"
    FAILED = "failed", "Failed"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


_S = CommandStatus


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """What the rest of the program needs to know of a status.

    `list_order` is its place in the list of a request's devices, where those that need a person
    come first; `bar_order` its place in the progress bar. `waiting`: the engine still has work with
    it. `succeeded`: a script counts it as done. `retryable` and `undoable`: a person may do so. The
    icon and the colours are named after the value: `icons.svg#status-VALUE`, `.status-VALUE`,
    `.fill-VALUE`.
    """

    explanation: str
    moves: tuple[CommandStatus, ...]
    list_order: int
    bar_order: int
    waiting: bool = False
    succeeded: bool = False
    retryable: bool = False
    undoable: bool = False


STATUSES: dict[CommandStatus, StatusInfo] = {
    _S.HELD: StatusInfo(
        "Waiting for its start time, or paused by a user.",
        moves=(_S.QUEUED, _S.CANCELLED, _S.EXPIRED, _S.UNCONFIRMED),
        list_order=8,
        bar_order=11,
        waiting=True,
    ),
    _S.QUEUED: StatusInfo(
        "Waiting for a free slot (rate limit).",
        moves=(_S.SENDING, _S.HELD, _S.CANCELLED, _S.EXPIRED, _S.UNCONFIRMED),
        list_order=9,
        bar_order=10,
        waiting=True,
    ),
    _S.SENDING: StatusInfo(
        "In a call to the vendor now.",
        moves=(
            *(_S.QUEUED, _S.HELD, _S.CANCELLED),
            *(_S.ACCEPTED, _S.UNSUPPORTED, _S.FAILED, _S.UNCONFIRMED),
        ),
        list_order=7,
        bar_order=9,
        waiting=True,
    ),
    _S.ACCEPTED: StatusInfo(
        "The vendor accepted it (status 1). Accepted does not mean done on the device.",
        moves=(_S.CONFIRMED, _S.NOT_SEEN),
        list_order=10,
        bar_order=2,
        succeeded=True,
        undoable=True,
    ),
    _S.CONFIRMED: StatusInfo(
        "Accepted, and a later read-back of the device shows the change.",
        moves=(),
        list_order=11,
        bar_order=1,
        succeeded=True,
        undoable=True,
    ),
    _S.NOT_SEEN: StatusInfo(
        "Accepted, but a later read-back of the device does not show the change.",
        moves=(_S.CONFIRMED,),
        list_order=3,
        bar_order=4,
        retryable=True,
        undoable=True,
    ),
    _S.UNSUPPORTED: StatusInfo(
        "The vendor does not support this action for the device (status 0).",
        moves=(),
        list_order=4,
        bar_order=3,
        retryable=True,
    ),
    _S.FAILED: StatusInfo(
        "The vendor refused it, or it failed.",
        moves=(),
        list_order=1,
        bar_order=6,
        retryable=True,
    ),
    _S.UNCONFIRMED: StatusInfo(
        "Sent, but no usable answer came back: it may have taken effect.",
        moves=(_S.QUEUED, _S.ACCEPTED, _S.UNSUPPORTED, _S.FAILED),
        list_order=2,
        bar_order=5,
        retryable=True,
    ),
    _S.CANCELLED: StatusInfo(
        "Cancelled before it was sent.",
        moves=(),
        list_order=6,
        bar_order=8,
        retryable=True,
    ),
    _S.EXPIRED: StatusInfo(
        "Not sent before its time to give up.",
        moves=(),
        list_order=5,
        bar_order=7,
        retryable=True,
    ),
}
"""All that is known of each status. A new status fails the tests until it stands here."""

WAITING = frozenset(status for status, info in STATUSES.items() if info.waiting)
SUCCEEDED = frozenset(status for status, info in STATUSES.items() if info.succeeded)
RETRYABLE = tuple(status for status, info in STATUSES.items() if info.retryable)
UNDOABLE = tuple(status for status, info in STATUSES.items() if info.undoable)
LIST_ORDER = tuple(sorted(STATUSES, key=lambda status: STATUSES[status].list_order))
BAR_ORDER = tuple(sorted(STATUSES, key=lambda status: STATUSES[status].bar_order))

VENDOR_STATUS: dict[int, CommandStatus] = {
    1: _S.ACCEPTED,
    0: _S.UNSUPPORTED,
    -1: _S.FAILED,
}
"""The vendor's number for a device as our status (Device Action v3.1, Response Parameters).

The list of meanings is missing in every copy of that page that we could read: *assumed* from its
example and from the text of its `command_id` row. Any other number leaves the outcome unknown.
"""


def check_move(old: CommandStatus, new: CommandStatus) -> None:
    """Raise IllegalMove unless a command may go from `old` to `new`."""
    if new not in STATUSES[old].moves:
        raise IllegalMove(
            Code.ILLEGAL_MOVE, "A command cannot go from %(old)s to %(new)s.", old=old, new=new
        )
