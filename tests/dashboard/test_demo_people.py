"""Demo people exist for the simulator only: they cannot act on a real fleet."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY, aget_user
from django.core.management import CommandError, call_command
from django.test import Client

from actions.action_requests.models import ActionRequest
from actions.errors import Refused
from actions.management.commands import submit_action
from actions.trail.models import AuditEvent
from dashboard.models import User
from dashboard.standalone.demo_users import demo_people
from tests.factories import PASSWORD, make_person

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


def person(*, is_demo: bool) -> User:
    user = make_person("oscar", "operator")
    User.objects.filter(pk=user.pk).update(is_demo=is_demo)
    return user


def sign_in(client: Client) -> bool:
    """Sign in by the form and return whether a page of the console then opens."""
    client.post(LOGIN, {"login": "oscar", "password": PASSWORD})
    return client.get("/devices/").status_code == 200


@pytest.mark.parametrize("is_demo", [True, False], ids=["demo", "real"])
@pytest.mark.parametrize("simulated", [True, False], ids=["simulator", "vendor"])
@pytest.mark.parametrize("way", ["form", "force_login", "session"])
def test_h6_demo_people_get_in_only_where_the_vendor_is_simulated(
    settings: Any, way: str, simulated: bool, is_demo: bool
) -> None:
    user, client = person(is_demo=is_demo), Client()
    allowed = simulated or not is_demo
    settings.SIMULATED = True
    if way == "session":
        assert sign_in(client)  # Under the simulator; then the same database gets a vendor.
        settings.SIMULATED = simulated
    elif way == "force_login":
        settings.SIMULATED = simulated
        client.force_login(user)
    else:
        settings.SIMULATED = simulated
        assert sign_in(client) is allowed

    for path in ("/", "/devices/", "/audit/", "/requests/new/"):
        assert (client.get(path).status_code == 200) is allowed, path
    posted = client.post("/vendor-calls/freeze/", {"verb": "freeze", "reason": "a test"})
    assert (posted["Location"].startswith(LOGIN)) is not allowed


@pytest.mark.parametrize("simulated", [True, False])
def test_the_user_of_an_asynchronous_view_is_checked_alike(settings: Any, simulated: bool) -> None:
    person(is_demo=True)
    client = Client()
    assert sign_in(client)
    session = client.session
    settings.SIMULATED = simulated
    found = asyncio.run(aget_user(SimpleNamespace(session=session)))  # type: ignore[arg-type]

    assert session[SESSION_KEY]
    assert found.is_authenticated is simulated


test_the_user_of_an_asynchronous_view_is_checked_alike = pytest.mark.django_db(transaction=True)(
    test_the_user_of_an_asynchronous_view_is_checked_alike
)


def test_h6_a_refused_demo_person_sees_what_a_wrong_password_shows_and_leaves_a_line(
    settings: Any,
) -> None:
    person(is_demo=True)
    settings.SIMULATED = False
    right = Client().post(LOGIN, {"login": "oscar", "password": PASSWORD})
    wrong = Client().post(LOGIN, {"login": "oscar", "password": "wrong"})

    assert right.status_code == wrong.status_code == 200
    assert right.context["form"].errors == wrong.context["form"].errors
    assert AuditEvent.objects.filter(verb="person.sign_in_failed", actor="oscar").count() == 2


@pytest.mark.parametrize("simulated", [True, False])
def test_h6_a_command_in_the_name_of_a_demo_person_is_refused_alike(
    settings: Any, simulated: bool
) -> None:
    person(is_demo=True)
    settings.SIMULATED = simulated
    if simulated:
        assert submit_action._actor("oscar").on_behalf_of == "oscar"
        return
    with pytest.raises(Refused):
        submit_action._actor("oscar")
    with pytest.raises(CommandError, match="no active person"):
        call_command("submit_action", "exempt", "--ids", "a", "--as", "oscar", "--reason", "x")
    assert not ActionRequest.objects.exists()


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_real_people_never_get_the_password_of_a_demo_person(folder: Path) -> None:
    gone = make_person("operator", "viewer")
    here = make_person("viewer", "viewer")
    User.objects.filter(pk=gone.pk).update(is_active=False)

    passwords = demo_people()

    assert set(passwords) == {"helpdesk", "auditor"}
    for user in User.objects.filter(username__in=["operator", "viewer"]):
        assert user.check_password(PASSWORD)
        assert not user.is_demo
    gone.refresh_from_db()
    assert not gone.is_active
    assert here.check_password(PASSWORD)
    saved = json.loads((folder / "demo_people.json").read_text())
    assert all(User.objects.get(username=n).check_password(saved[n]) for n in passwords)


def test_demo_people_that_an_earlier_version_locked_can_sign_in_to_the_simulator_again(
    folder: Path,
) -> None:
    first = demo_people()
    User.objects.update(is_active=False)

    assert demo_people() == first
    assert User.objects.filter(is_active=True, is_demo=True).count() == 4
