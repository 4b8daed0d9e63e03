"""Coming in and going out."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from dashboard.models import User
from tests.factories import PASSWORD, make_person

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


@pytest.fixture
def person(db):
    return make_person("oscar", "operator")


def sign_in(client, password=PASSWORD, name="oscar", **more):
    return client.post(LOGIN, {"login": name, "password": password} | more)


def test_the_right_password_leads_to_the_overview(client, person):
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_are_told_alike(client, person):
    wrong, unknown = sign_in(client, "wrong"), sign_in(client, name="nobody")
    assert wrong.status_code == unknown.status_code == 200
    assert list(wrong.context["form"].errors.values()) == list(
        unknown.context["form"].errors.values()
    )
    assert client.get("/").status_code == 302


def test_the_sixth_try_in_a_row_is_not_even_looked_at(client, person):
    for _ in range(5):
        sign_in(client, "wrong")
    answer = sign_in(client)
    assert answer.status_code in {200, 429}
    assert "Too many failed" in answer.content.decode()
    assert client.get("/").status_code == 302


def test_another_person_is_not_locked_out_with_the_first(client, person):
    make_person("hanna", "helpdesk")
    for _ in range(5):
        sign_in(client, "wrong")
    assert sign_in(client, name="hanna").status_code == 302


def test_nobody_makes_an_account_for_himself(client):
    client.post(
        "/accounts/signup/",
        {"username": "mallory", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.exists()
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_to_another_host(client, person, place):
    assert sign_in(client, next=place)["Location"] == "/"


def test_signing_in_leads_back_to_where_one_wanted_to_go(client, person):
    assert sign_in(client, next="/devices/?q=kiosk")["Location"] == "/devices/?q=kiosk"


def test_the_session_from_before_signing_in_is_worth_nothing_after(client, person):
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["session"] = before

    sign_in(client)

    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_signing_out_ends_the_session_for_good(client, person):
    sign_in(client)
    key = client.session.session_key
    client.post("/accounts/logout/")
    thief = Client()
    thief.cookies["session"] = key
    assert thief.get("/").status_code == 302


def test_who_was_locked_is_out_at_once_and_stays_out(client, person):
    sign_in(client)
    User.objects.update(is_active=False)
    assert client.get("/").status_code == 302
    assert sign_in(Client())["Location"] == "/accounts/inactive/"


def test_a_new_role_counts_from_the_next_click(client, person):
    sign_in(client)
    assert client.get("/audit/").status_code == 200
    User.objects.update(role="viewer")
    assert client.get("/audit/").status_code == 403


def test_the_cookies_are_out_of_reach_of_scripts(client, person):
    sign_in(client)
    for name in ("session", "csrf"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
