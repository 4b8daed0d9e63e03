"""How sessions end, and what a browser may keep of them."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from actions.dispatch import sweeper
from actions.roles import Role
from dashboard import session_end, session_store
from dashboard.models import User
from dashboard.session_store import SessionStore
from dashboard.views import streams
from tests.dashboard.conftest import Visitor
from tests.dashboard.test_every_url import GET
from tests.dashboard.test_live import change
from tests.dashboard.walk import address
from tests.factories import PASSWORD, know_devices, make_person, make_request

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


def is_signed_in(client: Client, **headers: str) -> bool:
    return client.get("/requests/", headers=headers).status_code == 200


def go_on(travel, minutes: float) -> None:
    travel.move_to(now() + timedelta(minutes=minutes))


def test_m2_a_session_ends_after_idle_time(visit: Visitor, travel):
    client = visit("viewer")
    for _ in range(4):
        go_on(travel, 29)
        assert is_signed_in(client)
    go_on(travel, 31)
    assert not is_signed_in(client)
    go_on(travel, -31)  # The session is gone, whatever the clock says.
    assert not is_signed_in(client)


def test_m2_a_session_that_is_used_all_the_time_ends_after_its_longest_time(visit: Visitor, travel):
    client = visit("viewer")
    for _ in range(12 * 4 - 1):
        go_on(travel, 15)
        assert is_signed_in(client)
    go_on(travel, 16)
    assert not is_signed_in(client)


@pytest.mark.parametrize("headers", [{"X-Unattended": "1"}, {"Accept": "text/event-stream"}])
def test_m2_polls_and_streams_are_no_activity(visit: Visitor, travel, headers):
    client = visit("viewer")
    for _ in range(2):
        go_on(travel, 14)
        assert is_signed_in(client, **headers)
    go_on(travel, 3)
    assert not is_signed_in(client, **headers)


def test_m2_the_ends_are_settings(visit: Visitor, travel, settings):
    settings.SESSION_IDLE_MINUTES, settings.SESSION_HOURS = 2, 0.05
    client = visit("viewer")
    go_on(travel, 1.9)
    assert is_signed_in(client)
    go_on(travel, 1.2)
    assert not is_signed_in(client)


@pytest.mark.parametrize("role", ["", "viewer", "helpdesk", "operator", "auditor"])
def test_m2_no_private_page_may_be_kept(role, visit: Visitor, operator):
    know_devices("kiosk")
    token = make_request(operator, "kiosk").uuid
    for name in GET:
        client = visit(role)
        url = address(name, token)
        for answer in (client.get(url), client.post(url), client.options(url), client.put(url)):
            assert answer["Cache-Control"] == "no-store", name
        assert client.get(f"{url}no/such/")["Cache-Control"] == "no-store"
    assert Client(headers={"Host": "evil.example"}).get("/")["Cache-Control"] == "no-store"


def test_m2_static_files_may_be_kept(settings):
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True
    assert "no-store" not in Client().get("/static/js/page.js")["Cache-Control"]


def test_m2_the_browser_forgets_what_it_kept_at_sign_out_and_only_then(visit: Visitor):
    client = visit("viewer")
    assert client.get("/accounts/logout/").get("Clear-Site-Data") is None
    assert client.post("/accounts/logout/")["Clear-Site-Data"] == '"cache", "storage"'
    assert client.post("/accounts/logout/").get("Clear-Site-Data") is None


def test_m3_the_table_of_sessions_does_not_hold_their_keys(visit: Visitor):
    client = visit("viewer")
    key = str(client.session.session_key)
    stored = Session.objects.get()
    assert key not in (stored.session_key, stored.session_data)
    thief = Client()
    thief.cookies["session"] = stored.session_key
    assert thief.get("/").status_code == 302
    store = SessionStore(key)
    assert store.exists(key)
    store.cycle_key()
    assert not SessionStore().exists(key)
    assert SessionStore(store.session_key)["_auth_user_id"]
    store.delete()
    assert not Session.objects.exists()


def test_a_key_that_the_server_did_not_choose_is_not_adopted(client):
    client.cookies["session"] = "a" * 32
    make_person("oscar", "operator")
    client.post(LOGIN, {"login": "oscar", "password": PASSWORD})
    assert client.cookies["session"].value != "a" * 32


def test_m2_expired_sessions_are_removed(visit: Visitor, travel):
    visit("viewer")
    sweeper.sweep()
    assert Session.objects.count() == 1
    go_on(travel, 13 * 60)
    sweeper.sweep()
    assert not Session.objects.exists()


def deactivate() -> None:
    User.objects.filter(username="vera").update(is_active=False)


def change_role() -> None:
    User.objects.filter(username="vera").update(role=Role.AUDITOR)


def change_password() -> None:
    person = User.objects.get(username="vera")
    person.set_password("another")
    person.save()


def end_sessions() -> None:
    Session.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lose", [deactivate, change_role, change_password, end_sessions])
def test_m2_a_stream_ends_soon_after_its_user_lost_the_right(real_redis, stream, monkeypatch, lose):
    assert streams.KEEPALIVE_INTERVAL + streams.ROLE_SHARED_FOR <= 15
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.1)
    monkeypatch.setattr(streams, "ROLE_SHARED_FOR", 0.1)
    opened = stream()
    assert opened.event().startswith(b"id: ")
    assert opened.event() == b": still here\n"
    lose()
    connection.close()
    rest = [opened.event() for _ in range(20)]
    assert rest[-1] == b""


@pytest.mark.django_db(transaction=True)
def test_the_streams_of_one_session_ask_for_its_right_once(real_redis, stream, monkeypatch):
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.1)
    monkeypatch.setattr(streams, "ROLE_SHARED_FOR", 60.0)
    asked, user_of = [], session_end.user_of

    def count(session_key: str) -> User | None:
        asked.append(session_key)
        return user_of(session_key)

    monkeypatch.setattr(session_end, "user_of", count)
    pages = [stream() for _ in range(5)]
    for page in pages:
        assert page.event().startswith(b"id: ")
        assert [page.event() for _ in range(3)] == [b": still here\n"] * 3
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_m2_a_stream_that_is_never_silent_is_checked_as_well(
    real_redis, stream, monkeypatch, action_request
):
    monkeypatch.setattr(streams, "KEEPALIVE_INTERVAL", 0.3)
    monkeypatch.setattr(streams, "ROLE_SHARED_FOR", 0.1)
    opened = stream()
    opened.event()
    end_sessions()
    for _ in range(200):
        change(action_request)
        if not opened.event():
            return
    raise AssertionError("The stream goes on.")


@pytest.mark.parametrize(
    ("url", "headers", "back"),
    [
        # The filter that was asked for, not the one of the page before.
        (
            "/devices/?q=PC-01",
            {"HX-Current-URL": "http://testserver/devices/?q=PC-00"},
            "/devices/?q=PC-01",
        ),
        # A part of a page leads back to the page.
        (
            "/devices/count/?q=a",
            {"HX-Current-URL": "http://testserver/devices/?q=a"},
            "/devices/?q=a",
        ),
        # So does a poll, whatever it asks for.
        (
            "/vendor-calls/",
            {"HX-Current-URL": "http://testserver/vendor-calls/?x=1", "X-Unattended": "1"},
            "/vendor-calls/?x=1",
        ),
        ("/devices/count/", {"HX-Current-URL": "http://evil.example/devices/"}, ""),
        ("/devices/count/", {"HX-Current-URL": "http://testserver//evil.example/"}, ""),
        ("/devices/count/", {"HX-Current-URL": "javascript:alert(1)"}, ""),
        ("/devices/count/", {}, ""),
    ],
)
def test_case_61_sign_in_leads_back_to_the_place(url, headers, back, person_of_61):
    client = Client()
    answer = client.get(url, headers={"HX-Request": "true", **headers})
    assert answer.status_code == 204
    target = answer["HX-Redirect"]
    assert target.startswith(LOGIN)
    page = client.get(target).content.decode()
    found = re.search(r'name="next"\s+value="([^"]*)"', page)
    form = {"login": "oscar", "password": PASSWORD, "next": found[1] if found else ""}
    assert client.post(LOGIN, form)["Location"] == (back or "/")


@pytest.fixture
def person_of_61(db):
    return make_person("oscar", "operator")


def test_case_61_a_form_leads_back_to_its_page():
    referrer = {"Referer": "http://testserver/requests/new/?selection=1"}
    answer = Client().post("/vendor-calls/freeze/", headers=referrer)
    assert answer["Location"] == f"{LOGIN}?next=/requests/new/%3Fselection%3D1"
    answer = Client().post("/requests/new/", {"selection": "a&b"})
    assert answer["Location"] == f"{LOGIN}?next=/requests/new/%3Fselection%3Da%2526b"
    answer = Client().post("/requests/new/", headers={"Referer": "http://evil.example/x"})
    assert answer["Location"] == f"{LOGIN}?next=/requests/new/"


def test_low_expired_sessions_go_in_pieces_and_live_ones_stay(
    django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr(session_store, "PIECE", 10)
    monkeypatch.setattr(session_store, "MOST_PIECES", 2)
    for number in range(35):
        expires = now() + timedelta(hours=1 if number < 5 else -1)
        Session.objects.create(session_key=f"{number:040}", expire_date=expires)

    for left in (15, 5, 5):
        with django_assert_max_num_queries(4):
            session_store.SessionStore.clear_expired()
        assert Session.objects.count() == left
