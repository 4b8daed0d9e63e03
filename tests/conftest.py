"""Fixtures of most tests: users, a simulated vendor over real HTTP, and a controlled clock."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import TransactionTestCase

from actions.actor import Actor
from actions.dispatch import dispatcher
from actions.ratelimit import clock
from actions.simulator import Simulator
from actions.trail import guards
from dashboard.models import User
from tests.factories import actor_for, make_person
from tests.scripted import ScriptedVendor

_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # Not in the stubs.


def _flush_the_trail_too(case: TransactionTestCase) -> None:
    """Empty the tables after a test that commits; the triggers of the trail forbid it otherwise."""
    guards.drop_triggers(connection)
    try:
        _flush(case)
        guards.clear_search_index(connection)
    finally:
        guards.create_triggers(connection)


TransactionTestCase._fixture_teardown = _flush_the_trail_too  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def own_anchors(settings: Any, tmp_path: Path) -> None:
    """Anchors of one test say nothing of the trail of another."""
    settings.AUDIT_ANCHORS_FILE = tmp_path / "audit-anchors.jsonl"
    settings.AUDIT_LOST_FILE = tmp_path / "audit-lost.jsonl"


@pytest.fixture
def operator(db: None) -> Actor:
    return actor_for(make_person("oscar", "operator"))


@pytest.fixture
def helpdesk(db: None) -> Actor:
    return actor_for(make_person("hanna", "helpdesk"))


@pytest.fixture
def viewer(db: None) -> Actor:
    return actor_for(make_person("vera", "viewer"))


@pytest.fixture
def auditor(db: None) -> Actor:
    return actor_for(make_person("ada", "auditor"))


@pytest.fixture
def vendor(settings: Any) -> Iterator[Simulator]:
    """A simulated vendor with 60 devices and 1,000 calls a minute, which the engine uses."""
    with Simulator(devices=60, limit=(1000, 60.0), log_delay=(0.0, 0.0)) as simulator:
        point_at(simulator, settings)
        settings.OPSWAT_RATE_LIMIT = (1000, 60.0)
        yield simulator


@pytest.fixture
def scripted(db: None, settings: Any) -> Iterator[ScriptedVendor]:
    """A vendor that answers as the test says, which the engine uses, ten calls in ten minutes.

    Pauses are longer than any test lasts: a test ends them by moving their times.
    """
    with ScriptedVendor() as vendor:
        point_at(vendor, settings)
        settings.OPSWAT_RATE_LIMIT = (10, 600.0)
        yield vendor


def point_at(simulator: Simulator | ScriptedVendor, settings: Any) -> None:
    """Configure the engine of this process to call that vendor."""
    settings.OPSWAT_BASE_URL = simulator.url
    settings.OPSWAT_CLIENT_ID = simulator.client_id
    settings.OPSWAT_CLIENT_SECRET = simulator.client_secret
    settings.OPSWAT_TIMEOUT = (2.0, 2.0)
    settings.ENGINE_MAX_IDLE_SECONDS = 0.5
    settings.ENGINE_URGENT_WAIT = 0.2
    clock.forget()


@pytest.fixture
def send_due(vendor: Simulator) -> Callable[[], int]:
    """A function that runs the dispatcher for what is due and returns the number of calls."""
    return lambda: dispatcher.dispatch(20.0, alone=True)


class Travel:
    """Sets the clock of this process and of PostgreSQL."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.traveller = traveller

    def move_to(self, at: datetime) -> None:
        self.traveller.move_to(at)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("UPDATE time_travel.clock SET at = %s", [at])


@pytest.fixture
def travel(db: None) -> Iterator[Travel]:
    """A clock that stands still until the test moves it.

    On PostgreSQL the search path puts our clock_timestamp() before the built-in one; the rollback
    at the end of the test removes it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA time_travel")
            cursor.execute("CREATE TABLE time_travel.clock AS SELECT now() AS at")
            cursor.execute(
                "CREATE FUNCTION time_travel.clock_timestamp() RETURNS timestamptz "
                "LANGUAGE sql AS 'SELECT at FROM time_travel.clock'"
            )
            cursor.execute("SET LOCAL search_path TO time_travel, public, pg_catalog")
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        clock.forget()
        yield Travel(traveller)
    clock.forget()


@pytest.fixture
def signed_in(client: Any, operator: Actor) -> Any:
    """A test client signed in as the operator."""
    client.force_login(User.objects.get(username=operator.name))
    return client
