"""Sign-in and sign-out."""

import http.client
import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client

from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.factories import PASSWORD, make_person

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


@pytest.fixture
def person(db):
    return make_person("oscar", "operator")


def sign_in(client, password=PASSWORD, name="oscar", **more):
    return client.post(LOGIN, {"login": name, "password": password} | more)


def test_the_correct_password_leads_to_the_overview(client, person):
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_show_the_same_message(client, person):
    wrong, unknown = sign_in(client, "wrong"), sign_in(client, name="nobody")
    assert wrong.status_code == unknown.status_code == 200
    assert list(wrong.context["form"].errors.values()) == list(
        unknown.context["form"].errors.values()
    )
    assert client.get("/").status_code == 302


def test_the_sixth_failed_attempt_in_a_row_is_blocked(client, person):
    for _ in range(5):
        sign_in(client, "wrong")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Too many failed" in answer.content.decode()
    assert client.get("/").status_code == 302


def test_a_blocked_name_does_not_block_another(client, person):
    make_person("hanna", "helpdesk")
    for _ in range(5):
        sign_in(client, "wrong")
    assert sign_in(client, name="hanna").status_code == 302


def test_self_registration_is_closed(client):
    client.post(
        "/accounts/signup/",
        {"username": "mallory", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.exists()
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http://[::1]/",
        "http://localhost:81/",
        "http://testserver.evil.example/",
    ],
)
def test_sign_in_never_redirects_to_another_host(client, person, place):
    assert sign_in(client, next=place)["Location"] == "/"


def test_sign_in_redirects_to_the_requested_page(client, person):
    assert sign_in(client, next="/devices/?q=kiosk")["Location"] == "/devices/?q=kiosk"


def test_sign_in_replaces_the_session_key(client, person):
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["session"] = before

    sign_in(client)

    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_sign_out_invalidates_the_session(client, person):
    sign_in(client)
    key = client.session.session_key
    client.post("/accounts/logout/")
    thief = Client()
    thief.cookies["session"] = key
    assert thief.get("/").status_code == 302


def test_a_deactivated_user_is_signed_out_and_cannot_sign_in(client, person):
    sign_in(client)
    User.objects.update(is_active=False)
    assert client.get("/").status_code == 302
    assert sign_in(Client()).status_code == 200


def test_low_a_deactivated_user_gets_the_answer_of_an_unknown_name(client, person):
    User.objects.update(is_active=False)
    texts = [
        list(sign_in(Client(), password, name).context["form"].errors.values())
        for password, name in ((PASSWORD, "oscar"), ("wrong", "oscar"), (PASSWORD, "nobody"))
    ]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize("name", ["oscar", "OSCAR", "nobody", "deactivated"])
def test_each_looked_at_try_costs_one_password_hash(client, person, name, monkeypatch):
    other = make_person("deactivated", "viewer")
    other.is_active = False
    other.save()
    hashes: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(*given):
        hashes.append("")
        return encode(*given)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    sign_in(client, "wrong", name)
    assert len(hashes) == 1


def test_a_new_role_applies_from_the_next_request(client, person):
    sign_in(client)
    assert client.get("/audit/").status_code == 200
    User.objects.update(role="viewer")
    assert client.get("/audit/").status_code == 403


def test_cookies_are_http_only(client, person):
    sign_in(client)
    for name in ("session", "csrf"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forged", ["198.51.100.77", "ceo-workstation", "unknown"])
def test_case_63_the_web_server_does_not_believe_it_either(person, port, forged):
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    server.request("GET", "/accounts/login/")
    answer = server.getresponse()
    cookie = str(answer.headers["Set-Cookie"]).split(";")[0]
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', answer.read().decode())
    assert token
    form = {"login": "oscar", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    headers = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": forged,
        "X-Forwarded-Proto": "https",
    }
    server.request("POST", "/accounts/login/", urlencode(form), headers)
    assert server.getresponse().status == 302
    server.close()
    assert AuditEvent.objects.get(verb="person.signed_in").address == "127.0.0.1"
