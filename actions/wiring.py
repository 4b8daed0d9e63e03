"""Where packages meet: who listens to what, and which work the dispatcher knows.

A package that has work for the vendor, or that listens to another package, is named here and
nowhere else.
"""

from actions.action_requests import events
from actions.action_requests.work import CommandWork, ReadBackWork
from actions.agent_logs import expect
from actions.agent_logs.work import AgentLogWork
from actions.budgets import budget
from actions.dispatch import heartbeats, sweeper, work
from actions.inventory.work import PageWork, RefreshWork
from actions.selections import choose, uploads

work.register(CommandWork(), ReadBackWork(), RefreshWork(), PageWork(), AgentLogWork())

events.on_accepted(expect.expect_logs)

sweeper.on_sweep(choose.drop_old)
sweeper.on_sweep(uploads.drop_old)
sweeper.on_sweep(budget.drop_old)
sweeper.on_sweep(heartbeats.delete_old)
