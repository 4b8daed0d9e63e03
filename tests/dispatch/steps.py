"""Steps of the tests of pauses: send until one begins, measure it, let it end."""

from datetime import timedelta

from django.utils.timezone import now

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorAccount


def run() -> int:
    """Send until a pause; return the number of calls."""
    calls = 0
    while dispatcher.step() == 0.0:
        calls += 1
    return calls


def paused_for() -> float:
    until = VendorAccount.objects.get().open_until
    return (until - now()).total_seconds() if until else 0.0


def end_pause() -> None:
    """Let the time of the pause pass, and that of each command."""
    VendorAccount.objects.update(open_until=now() - timedelta(seconds=1))
    DeviceCommand.objects.filter(status=S.QUEUED).update(due_at=now() - timedelta(seconds=1))
