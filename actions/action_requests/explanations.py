"""Explain the status of a command in plain words: what happened, and what a person does next."""

import re
from dataclasses import dataclass

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import VENDOR_STATUS, CommandStatus

S = CommandStatus

_ENDPOINT = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE) /\S*: ?")
"""What the texts of the vendor's client begin with: the method and the path of a call."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, what to do next, and the engine's own note; each may be empty."""

    happened: str
    next_step: str = ""
    note: str = ""


def explain(command: DeviceCommand) -> Explanation:
    """Return the explanation of a command's status.

    The note is what the engine stored, without the address of the call, where it says more than
    the explanation.
    """
    note = plain(command.detail)
    match command.status:
        case S.UNSUPPORTED:
            happened = "OPSWAT answered that this device does not support the action (status 0)."
            return Explanation(
                happened,
                f"Choose another action, or leave the device out. Supported devices: "
                f"{command.request.kind.applies_to}",
                note,
            )
        case S.FAILED:
            return _explain_failed(command, note)
        case S.UNCONFIRMED:
            return _explain_unconfirmed(command, note)
        case S.NOT_SEEN:
            happened = "OPSWAT accepted the action, but later reads do not show the change."
            return Explanation(happened, "Check the device, then retry.")
        case S.ACCEPTED if command.check_at:
            return Explanation(note, "The device is read again to see the change.")
    return Explanation(note)


def plain(detail: str) -> str:
    """Return a text of the engine without the method and path of the call."""
    text = _ENDPOINT.sub("", detail).strip()
    return text[:1].upper() + text[1:]


def _explain_failed(command: DeviceCommand, note: str) -> Explanation:
    if command.vendor_status is not None:
        happened = "OPSWAT tried the action and answered that it failed (status \u22121)."
        return Explanation(happened, "Check the device, then retry.", note)
    if command.http_status:
        happened = f"OPSWAT refused the call (HTTP {command.http_status}). Nothing was done."
        return Explanation(happened, "Correct what the answer names, then retry.", note)
    return Explanation(note or "It failed, and OPSWAT gave no reason.", "Retry to send it again.")


def _explain_unconfirmed(command: DeviceCommand, note: str) -> Explanation:
    if command.vendor_raw and command.vendor_status not in VENDOR_STATUS:
        happened = f"OPSWAT answered “{command.vendor_raw[:40]}”, which it does not document."
    elif not command.http_status:
        happened = "The connection ended before OPSWAT answered."
    elif command.http_status >= 500:
        happened = f"OPSWAT answered with a server error (HTTP {command.http_status})."
    else:
        happened = "OPSWAT answered, but the answer does not tell the outcome for this device."
    next_step = (
        "Wait: the device is read again, and the result appears here."
        if command.check_at
        else "Check the device before you retry."
    )
    return Explanation(f"{happened} The action may have taken effect.", next_step, note)
