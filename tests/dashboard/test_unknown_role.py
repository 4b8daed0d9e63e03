"""A role that the code does not know: refused by the database, and harmless if it is there."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.roles import RIGHTS, Role
from dashboard.models import User
from tests.factories import PASSWORD, make_person

PAGES = [
    *("/", "/devices/", "/devices/lists/", "/inventory/", "/requests/", "/requests/new/"),
    *("/logs/", "/vendor-calls/", "/audit/", "/audit/jobs/"),
]
CONSTRAINT = ("dashboard", "0005_role_is_known")


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["", "admin", "Operator", "operator ", "viewer\n"])
def test_low_the_database_refuses_a_role_that_the_code_does_not_know(role: str) -> None:
    person = make_person("oscar", "operator")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=person.pk).update(role=role)
    person.refresh_from_db()
    assert person.role == "operator"


@settings(max_examples=200)
@given(role=st.text())
def test_any_unknown_role_has_the_rights_of_a_viewer(role: str) -> None:
    person = User(username="oscar", role=role)
    known = role if role in Role.values else Role.VIEWER
    assert person.known_role == known
    assert person.rights == RIGHTS[Role(known)]


@pytest.fixture
def older_schema(transactional_db: None) -> Iterator[Any]:
    """The tables as they were before the constraint."""
    executor = MigrationExecutor(connection)
    parents = executor.loader.graph.node_map[CONSTRAINT].parents
    before = [node.key for node in parents if node.key[0] == "dashboard"]
    executor.migrate(before)
    try:
        yield executor.loader.project_state(before).apps.get_model("dashboard", "User")
    finally:
        User.objects.exclude(role__in=Role.values).delete()
        upgrade()


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_low_every_page_works_for_a_person_whose_role_is_unknown(older_schema: Any) -> None:
    make_person("oscar", "operator")
    older_schema.objects.update(role="superuser")
    client = Client()

    signed_in = client.post("/accounts/login/", {"login": "oscar", "password": PASSWORD})
    assert signed_in["Location"] == "/"
    answers = {path: client.get(path).status_code for path in PAGES}

    assert answers["/"] == answers["/devices/"] == 200
    assert answers["/audit/"] == answers["/requests/new/"] == 403
    assert set(answers.values()) <= {200, 302, 403, 404}
    post = client.post("/vendor-calls/freeze/", {"verb": "freeze", "reason": "a test"})
    assert post.status_code == 403
    assert client.post("/accounts/logout/").status_code == 302


def test_the_upgrade_makes_viewers_of_unknown_roles_and_names_them(
    older_schema: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for name, role in {"a": "superuser", "b": "", "c": "auditor", "d": "Operator"}.items():
        make_person(name, "viewer")
        older_schema.objects.filter(username=name).update(role=role)

    with caplog.at_level(logging.WARNING):
        upgrade()

    assert dict(User.objects.values_list("username", "role")) == {
        "a": "viewer",
        "b": "viewer",
        "d": "viewer",
        "c": "auditor",
    }
    [line] = [record.getMessage() for record in caplog.records if "role" in record.getMessage()]
    assert "a, b, d" in line
    assert "add_person" in line
