"""A person, and sign-in as a browser does it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from dashboard.models import User
from tests.factories import PASSWORD, make_person

LOGIN = "/accounts/login/"


def sign_in(client: Client, password: str = PASSWORD, name: str = "oscar", **more: Any) -> Any:
    return client.post(LOGIN, {"login": name, "password": password}, **more)


def is_refused(answer: Any) -> bool:
    return bool(answer.status_code == 429)


@pytest.fixture(autouse=True)
def still() -> Iterator[None]:
    """Stop the clock, so that no wait ends because the machine is busy."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield


@pytest.fixture
def person(db: None) -> User:
    return make_person("oscar", "operator")


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that counts the passwords that were looked at."""
    hashes: list[None] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, *given: Any) -> str:
        hashes.append(None)
        return encode(self, *given)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return lambda: len(hashes)
