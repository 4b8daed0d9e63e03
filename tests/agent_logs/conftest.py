"""Fixtures of the tests in this folder."""

from dataclasses import replace

import pytest
from django.utils import timezone

from actions.agent_logs.models import AgentLog
from tests.factories import enrol, make_request


@pytest.fixture
def fetched(operator, vendor, send_due, settings, tmp_path):
    """Devices whose fetch the vendor accepted, and whose logs are due at once."""
    settings.AGENT_LOG_INCOMING = tmp_path / "incoming"

    def fetch(*names):
        enrol(vendor, *names)
        request = make_request(operator, *names, kind="fetch_agent_log")
        send_due()
        make_due()
        return request

    return fetch


@pytest.fixture
def slow_log(vendor):
    """The vendor's agents send nothing for an hour; calling this lets all logs come at once."""

    def come() -> None:
        commands = vendor._account.commands
        commands.update({key: replace(each, ready_at=0.0) for key, each in commands.items()})

    vendor._account.log_delay = (3600.0, 3600.0)
    return come


def make_due() -> None:
    AgentLog.objects.update(due_at=timezone.now())
