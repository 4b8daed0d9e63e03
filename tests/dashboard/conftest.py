"""Test clients signed in with each role."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from actions.roles import Role
from dashboard.models import User
from tests.factories import make_person

# WhiteNoise warns of a missing folder for each client; `up` fills it.
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)

Visitor = Callable[..., Client]


@pytest.fixture
def visit(db: None) -> Visitor:
    """Return a function that makes a client signed in with a role; "" is signed out."""

    def signed_in_as(role: str, **options: Any) -> Client:
        client = Client(**options)
        if role:
            person = User.objects.filter(username=role).first() or make_person(role, Role(role))
            client.force_login(person)
        return client

    return signed_in_as


@pytest.fixture
def page(visit: Visitor) -> Client:
    """A client signed in as operator."""
    return visit("operator")
