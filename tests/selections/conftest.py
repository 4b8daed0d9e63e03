"""Fixtures of the tests of selections."""

from typing import Any

import pytest
from django.test import Client

from actions.actor import Actor


@pytest.fixture(autouse=True)
def many_uploads(settings: Any) -> None:
    """Let a test upload more lists in a minute than a person may."""
    settings.BUDGETS_PER_MINUTE = dict.fromkeys(settings.BUDGETS_PER_MINUTE, 100_000)


@pytest.fixture
def page(operator: Actor) -> Client:
    """The client of a browser in which the operator is signed in."""
    from dashboard.models import User

    client = Client()
    client.force_login(User.objects.get(username=operator.name))
    return client
