"""Create the AgentLog rows for accepted fetch_agent_log commands."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings

from actions import on_commit
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.agent_logs.models import AgentLog
from actions.ratelimit import clock

KIND = "fetch_agent_log"


def expect_logs(commands: Iterable[DeviceCommand]) -> None:
    """Create a log for each accepted fetch that has a command ID, once."""
    fetched = [c for c in commands if c.request.kind_name == KIND]
    if not fetched:
        return
    at = clock.now()
    due = at + timedelta(seconds=settings.AGENT_LOG_FIRST_POLL)
    AgentLog.objects.bulk_create(
        [
            AgentLog(
                command=command,
                request_id=command.request_id,
                due_at=due,
                deadline=at + timedelta(hours=settings.AGENT_LOG_DEADLINE_HOURS),
                created_at=at,
                moved_at=at,
            )
            for command in fetched
            if command.status == CommandStatus.ACCEPTED and command.command_id
        ],
        ignore_conflicts=True,
    )
    on_commit.wake_dispatcher()
