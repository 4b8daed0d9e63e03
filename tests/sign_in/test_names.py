"""Names of users: one person a name, whatever its spelling."""

import unicodedata
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from dashboard import names
from dashboard.checks import check_names
from dashboard.models import User
from tests.factories import make_person
from tests.sign_in.conftest import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def add_person(monkeypatch):
    """Return a function that runs the command."""
    monkeypatch.setattr("builtins.input", lambda: "violet anchors hum at dusk")
    return lambda name: call_command("add_person", name, role="viewer", password_stdin=True)


TWINS = ["Operator", "OPERATOR", "ｏｐｅｒａｔｏｒ", "operatoR", "ºperator"]
LOOK_ALIKES = ["аdmin", "admіn", "αdmin", "admin١", "adminㅤ"]


@pytest.mark.parametrize("twin", TWINS)
def test_m4_a_twin_is_refused_and_the_first_can_still_sign_in(add_person, twin):
    make_person("operator", "operator")
    with pytest.raises(CommandError, match=r"same name as operator|already exists"):
        add_person(twin)
    assert User.objects.get().role == "operator"
    assert sign_in(Client(), name="operator").status_code == 302


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_m4_a_name_of_mixed_scripts_is_refused(add_person, name):
    with pytest.raises(CommandError):
        add_person(name)
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["сосо", "ΑΒΒΑ", "осо"])
def test_m4_a_name_that_looks_like_anothers_is_refused(add_person, name):
    for first in ("coco", "abba", "oco"):
        make_person(first, "viewer")
    with pytest.raises(CommandError, match="looks like"):
        add_person(name)


@pytest.mark.parametrize(
    "name", ["мария", "Ελένη", "田中さん", "김민준", "josé.müller", "a1+b_c@d-e"]
)
def test_names_of_one_script_are_accepted(add_person, name):
    add_person(name)
    assert sign_in(Client(), "violet anchors hum at dusk", name.upper()).status_code == 302


def test_m4_the_database_refuses_a_second_spelling():
    make_person("operator", "operator")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="Operator")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(username="operator").update(username="x", name_key="y")
        User.objects.create(username="Y")


@hypothesis(deadline=None)
@given(text=st.text(max_size=12))
def test_the_key_of_a_key_is_itself_and_case_width_and_composition_do_not_matter(text):
    key = names.name_key(text)
    assert names.name_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert names.name_key(unicodedata.normalize(form, text)) == key
    assert names.name_key(text.casefold()) == key


def test_the_upgrade_keeps_both_twins_and_a_check_reports_the_second():
    migration = import_module("dashboard.migrations.0004_sign_in_guard")
    for number, name in enumerate(["operator", "Operator", "ＯＰＥＲＡＴＯＲ", "oscar"]):
        person = make_person(f"p{number}", "operator")
        User.objects.filter(pk=person.pk).update(username=name, name_key=f"old{number}")
    migration.fill_keys(apps, SimpleNamespace(connection=connection))

    assert User.objects.count() == 4
    assert len(check_names(databases=["default"])) == 2
    for name in ("operator", "Operator", "ＯＰＥＲＡＴＯＲ"):
        client = Client()
        assert sign_in(client, name=name).status_code == 302
        assert client.session["_auth_user_id"] == str(User.objects.get(username=name).pk)
    User.objects.get(username="Operator").save()  # Keeps its mark.
    assert len(check_names(databases=["default"])) == 2


def test_a_password_of_add_person_is_checked(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda: "operator2026")
    with pytest.raises(CommandError, match="would try first"):
        call_command("add_person", "hanna", role="viewer", password_stdin=True)
    assert not User.objects.exists()
