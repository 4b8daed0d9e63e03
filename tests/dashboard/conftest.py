"""A browser session for each role, without a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from actions.roles import Role
from dashboard.models import User
from tests.factories import make_person

# Whitenoise warns of a missing folder with every client; in life `up` fills it.
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)

Visitor = Callable[..., Client]


@pytest.fixture
def visit(db: None) -> Visitor:
    """Make a client signed in as somebody with that role; "" is nobody."""

    def signed_in_as(role: str, **options: Any) -> Client:
        client = Client(**options)
        if role:
            person = User.objects.filter(username=role).first() or make_person(role, Role(role))
            client.force_login(person)
        return client

    return signed_in_as


@pytest.fixture
def page(visit: Visitor) -> Client:
    """The operator's session."""
    return visit("operator")
