"""Events of commands. Listeners run inside the transaction that settles the commands.

A listener only writes rows: what leaves the console leaves in a task. An exception of a listener
rolls the settlement back.
"""

from collections.abc import Callable, Sequence

from actions.action_requests.models import DeviceCommand

Listener = Callable[[Sequence[DeviceCommand]], None]

_accepted: list[Listener] = []


def on_accepted(listener: Listener) -> None:
    """Register a listener for commands that the vendor accepted."""
    _accepted.append(listener)


def publish_accepted(commands: Sequence[DeviceCommand]) -> None:
    """Call every listener with the commands that one answer moved to *accepted*."""
    """Call every listener with the commands that one answer moved to *accepted*."""
    for listener in _accepted:
        listener(commands)
