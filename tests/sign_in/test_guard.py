"""The sign-in guard: how many passwords are looked at, and whom a lock keeps out."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from actions.trail.models import AuditEvent
from dashboard.models import SignInCounter, User
from dashboard.sign_in import guard
from tests.factories import PASSWORD, make_person
from tests.sign_in.conftest import is_refused, sign_in

pytestmark = pytest.mark.django_db

HOSTS = ("testserver", "TESTSERVER", "testserver.", "localhost", "127.0.0.1", "[::1]")
PORTS = ("", ":80", ":1", ":4711", ":65535", ":00080", ":99999999")
FORWARDED = ("", "203.0.113.9", "unknown", "ceo-workstation")


def test_h3_the_port_of_the_host_does_not_reset_the_count(person, looked_at):
    for port in range(8000, 8009):
        sign_in(Client(), "wrong", headers={"Host": f"localhost:{port}"})
        sign_in(Client(), "wrong", headers={"Host": "localhost"})
    assert looked_at() == guard.FREE_TRIES


def test_h3_no_spelling_of_host_port_or_proxy_header_resets_the_count(person, looked_at):
    for host, port, forwarded in itertools.product(HOSTS, PORTS, FORWARDED):
        headers = {
            "Host": host + port,
            "X-Forwarded-For": forwarded,
            "X-Forwarded-Host": f"a{port}.example",
            "X-Real-IP": forwarded,
            "Forwarded": f"for={forwarded}",
        }
        answer = sign_in(Client(), "wrong", headers=headers)
        assert answer.status_code in {200, 400, 421, 429}
    assert looked_at() == guard.FREE_TRIES
    assert SignInCounter.objects.exclude(name=guard.ALL).exclude(name="lines").count() == 1


@pytest.mark.parametrize("setting", [0, 1])
def test_h3_addresses_do_not_reset_the_count_of_a_name(person, looked_at, settings, setting):
    settings.BEHIND_PROXY = setting
    for last in range(40):
        headers = {"X-Forwarded-For": f"198.51.100.{last}"}
        sign_in(Client(), "wrong", headers=headers, REMOTE_ADDR="127.0.0.1")
        sign_in(Client(), "wrong", REMOTE_ADDR=f"203.0.113.{last}")
    assert looked_at() == guard.FREE_TRIES


def test_h3_a_strangers_tries_do_not_keep_the_owner_out(person):
    owner = Client()
    assert sign_in(owner, REMOTE_ADDR="10.0.0.1").status_code == 302
    owner.post("/accounts/logout/")
    for last in range(20):
        sign_in(Client(), "wrong", REMOTE_ADDR=f"203.0.113.{last}")
    assert is_refused(sign_in(Client(), REMOTE_ADDR="203.0.113.99"))
    # The same browser elsewhere, and another browser at the same place.
    assert sign_in(owner, REMOTE_ADDR="192.0.2.44").status_code == 302
    assert sign_in(Client(), REMOTE_ADDR="10.0.0.1").status_code == 302


def test_h3_a_known_place_is_bounded_as_well(person, looked_at):
    owner = Client()
    sign_in(owner)
    for client in (owner, Client()):
        client.post("/accounts/logout/")
        before = looked_at()
        for _ in range(12):
            sign_in(client, "wrong")
        assert looked_at() - before == guard.FREE_TRIES


def test_a_known_browser_vouches_only_for_the_user_who_signed_in_with_it(person):
    make_person("hanna", "helpdesk")
    mine = Client()
    sign_in(mine, name="hanna", REMOTE_ADDR="10.0.0.2")
    mine.post("/accounts/logout/")
    for _ in range(guard.FREE_TRIES):
        sign_in(Client(), "wrong", REMOTE_ADDR="203.0.113.1")
    assert is_refused(sign_in(mine, REMOTE_ADDR="10.0.0.2"))
    forged = Client()
    forged.cookies["device"] = '{"device":"x","users":[1,2,3]}'
    assert is_refused(sign_in(forged, REMOTE_ADDR="203.0.113.2"))


def test_h3_unknown_names_from_one_address_do_not_stop_the_others_behind_it(person):
    for number in range(60):
        assert not is_refused(sign_in(Client(), "wrong", name=f"nobody{number}"))
    assert sign_in(Client()).status_code == 302


def test_h3_many_names_do_not_open_a_locked_name(person, looked_at):
    for _ in range(guard.FREE_TRIES):
        sign_in(Client(), "wrong")
    for number in range(150):
        sign_in(Client(), "wrong", name=f"nobody{number}")
    before = looked_at()
    assert is_refused(sign_in(Client()))
    assert looked_at() == before


def test_all_unknown_places_together_have_a_ceiling(person, looked_at, monkeypatch, travel):
    monkeypatch.setattr(guard, "CEILING", 10)
    make_person("hanna", "helpdesk")
    known = Client()
    sign_in(known)
    known.post("/accounts/logout/")
    before = looked_at()
    for number in range(30):
        sign_in(Client(), "wrong", name=f"nobody{number}")
    assert looked_at() - before == 10
    rows = SignInCounter.objects.count()
    sign_in(Client(), "wrong", name="one more")
    assert SignInCounter.objects.count() == rows
    assert is_refused(sign_in(Client(), name="hanna", REMOTE_ADDR="10.0.0.9"))
    assert sign_in(known).status_code == 302
    travel.move_to(now() + guard.CEILING_SPAN)
    assert sign_in(Client(), name="hanna", REMOTE_ADDR="10.0.0.9").status_code == 302


def test_the_wait_doubles_up_to_its_maximum_and_a_day_forgets_it(person, travel):
    waits = []
    for _ in range(guard.FREE_TRIES - 1):
        assert sign_in(Client(), "wrong").status_code == 200
    for _ in range(8):
        assert sign_in(Client(), "wrong").status_code == 200
        refused = sign_in(Client())
        waits.append(int(refused["Retry-After"]))
        travel.move_to(now() + timedelta(seconds=waits[-1]))
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    travel.move_to(now() + guard.FORGET_AFTER)
    for _ in range(guard.FREE_TRIES):
        assert sign_in(Client(), "wrong").status_code == 200
    assert int(sign_in(Client())["Retry-After"]) == 30


def test_a_success_takes_only_its_own_count_back(person, looked_at, travel):
    """A guesser who may sign in as somebody else gains nothing by doing so in between."""
    make_person("hanna", "helpdesk")
    before = looked_at()
    for number in range(12):
        sign_in(Client(), "wrong", REMOTE_ADDR=f"203.0.113.{number}")
        sign_in(Client(), name="hanna", REMOTE_ADDR="203.0.113.200")
    assert looked_at() - before == guard.FREE_TRIES + 12


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["oscar", "nobody"])
def test_h3_of_24_parallel_tries_exactly_five_are_looked_at(person, looked_at, name):
    def attempt(number: int) -> int:
        try:
            host = f"localhost:{9000 + number}" if number % 3 else "localhost"
            answer = sign_in(
                Client(), "wrong", name.upper() if number % 2 else name, headers={"Host": host}
            )
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(attempt, range(24)))
    assert looked_at() == found.count(200) <= guard.FREE_TRIES
    with ThreadPoolExecutor(24) as pool:
        found += pool.map(attempt, [0] * 24)
    assert looked_at() == found.count(200) == guard.FREE_TRIES


def spellings(name: str) -> st.SearchStrategy[str]:
    """The name in other cases, widths and compositions, with blanks around it."""
    wide = {each: chr(ord(each) + 0xFEE0) for each in name if "!" <= each <= "~"}
    forms = [st.sampled_from([each, each.upper(), wide.get(each, each)]) for each in name]
    return st.builds(
        lambda letters, end: "".join(letters) + end, st.tuples(*forms), st.sampled_from(["", " "])
    )


@hypothesis(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(spelling=spellings("oscar"))
def test_h3_all_spellings_of_a_name_are_one_counter_and_one_person(person, spelling):
    client = Client()
    sign_in(client, "wrong", spelling, REMOTE_ADDR="203.0.113.7")
    counters = SignInCounter.objects.exclude(name__in=[guard.ALL, "lines"])
    assert [each.person_id for each in counters] == [person.pk]
    guard.unlock(person)
    assert sign_in(client, PASSWORD, spelling, REMOTE_ADDR="203.0.113.7").status_code == 302
    assert client.session["_auth_user_id"] == str(person.pk)
    guard.unlock(person)
    User.objects.get(pk=person.pk).known_places.all().delete()


def test_low_the_locked_page_says_how_long_and_quotes_its_id(person):
    for _ in range(guard.FREE_TRIES):
        sign_in(Client(), "wrong")
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": "oscar", "password": "x", "next": "/devices/?q=a"}
    )
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (429, "no-store")
    assert 0 < int(answer["Retry-After"]) <= 30
    assert "Too many failed sign-ins" in page
    assert answer["X-Request-ID"] in page
    assert "/accounts/login/?next=%2Fdevices%2F%3Fq%3Da" in page
    assert not AuditEvent.objects.filter(verb="person.signed_in").exists()
