"""A command ID promises a file: the rows of those logs, made where the promise is accepted."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.utils.timezone import now

from actions import on_commit
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus
from actions.agent_logs.models import AgentLog

KIND = "fetch_agent_log"


def expect_logs(commands: Iterable[DeviceCommand]) -> None:
    """Make a log for each accepted fetch that got a command ID; none is made twice."""
    fetched = [c for c in commands if c.request.kind_name == KIND]
    if not fetched:
        return
    moment = now()
    due = moment + timedelta(seconds=settings.AGENT_LOG_FIRST_POLL)
    AgentLog.objects.bulk_create(
        [
            AgentLog(
                command=command,
                request_id=command.request_id,
                due_at=due,
                deadline=moment + timedelta(hours=settings.AGENT_LOG_DEADLINE_HOURS),
                created_at=moment,
                moved_at=moment,
            )
            for command in fetched
            if command.status == CommandStatus.ACCEPTED and command.command_id
        ],
        ignore_conflicts=True,
    )
    on_commit.work_waits()
