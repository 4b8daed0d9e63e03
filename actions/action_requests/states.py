"""States."""

from django.db.models import TextChoices

from actions.errors import IllegalMove


class CommandStatus(TextChoices):
    """How far one person's wish for one device has come."""

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


WAITING = frozenset({_S.HELD, _S.QUEUED, _S.SENDING})
"""Not settled yet: the engine still has something to do by itself."""


SUCCEEDED = frozenset({_S.ACCEPTED, _S.CONFIRMED})
"""What counts as done when a script asks whether all went well."""


MEANING: dict[CommandStatus, str] = {
    _S.HELD: "Waits for a person or a time.",
    _S.QUEUED: "Waits for a free place in the vendor's minute.",
    _S.SENDING: "In a call to the vendor at this moment.",
    _S.ACCEPTED: "The vendor accepted it (status 1). Accepted is not yet done on the device.",
    _S.CONFIRMED: "Accepted, and a later look at the device shows the change.",
    _S.NOT_SEEN: "Accepted, but a later look at the device does not show the change.",
    _S.UNSUPPORTED: "The vendor does not support this action for the device (status 0).",
    _S.FAILED: "The vendor refused or failed it.",
    _S.UNCONFIRMED: "It was sent, but no usable answer came back: it may have happened.",
    _S.CANCELLED: "Taken back before it was sent.",
    _S.EXPIRED: "Not sent in time.",
}


MOVES: dict[CommandStatus, frozenset[CommandStatus]] = {
    _S.HELD: frozenset({_S.QUEUED, _S.CANCELLED, _S.EXPIRED, _S.UNCONFIRMED}),
    _S.QUEUED: frozenset({_S.SENDING, _S.HELD, _S.CANCELLED, _S.EXPIRED, _S.UNCONFIRMED}),
    _S.SENDING: frozenset(
        {_S.QUEUED, _S.HELD, _S.CANCELLED, _S.ACCEPTED, _S.UNSUPPORTED, _S.FAILED, _S.UNCONFIRMED}
    ),
    _S.UNCONFIRMED: frozenset({_S.QUEUED, _S.ACCEPTED, _S.UNSUPPORTED, _S.FAILED}),
    _S.ACCEPTED: frozenset({_S.CONFIRMED, _S.NOT_SEEN}),
    _S.NOT_SEEN: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset(),
    _S.UNSUPPORTED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}


VENDOR_STATUS: dict[int, CommandStatus] = {
    1: _S.ACCEPTED,
    0: _S.UNSUPPORTED,
    -1: _S.FAILED,
}
"""The vendor's number for a device, as our word (Device Action v3.1, Response Parameters).

The list of meanings is lost in every copy of that page that we could read: *assumed* from its
example and from the words of its `command_id` row. Other numbers mean that nothing is known.
"""


def check_move(old: CommandStatus, new: CommandStatus) -> None:
    """Raise IllegalMove unless the state table allows going from `old` to `new`."""
    if new not in MOVES[old]:
        raise IllegalMove(f"A command cannot go from {old} to {new}.")
