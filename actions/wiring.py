"""Who listens to what."""

from actions.action_requests import events
from actions.agent_logs import expect

events.on_accepted(expect.expect_logs)
